// The real process and a real Chromium, for every scenario anew.

import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const top = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const binary = resolve(process.env.STAGEDOOR_BINARY ?? join(top, "target/debug/stagedoor"));

/** How long anything may take before it counts as not happening. */
const PATIENCE = 60_000;

/** Pictures for people to look at. */
export function picture(name) {
  const folder = join(top, "target/browser");
  mkdirSync(folder, { recursive: true });
  return join(folder, `${name}.png`);
}

export function folder(t) {
  const path = mkdtempSync(join(tmpdir(), "stagedoor-browser-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A server of plain HTTP; its origin. */
export async function serve(t, answer) {
  const server = createHttpServer(answer);
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  t.after(() => server.closeAllConnections() ?? server.close());
  return `http://127.0.0.1:${server.address().port}`;
}

/** The address of an empty page that is none of ours. */
export async function site(t) {
  return `${await serve(t, (_, answer) => answer.setHeader("content-type", "text/html").end("<p>x"))}/`;
}

/** A port that was free a moment ago. */
export async function freePort() {
  const server = createServer();
  await new Promise((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

/** Asks until `look` gives something. */
export async function poll(what, look, patience = PATIENCE) {
  const until = Date.now() + patience;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > until) throw new Error(`never came: ${what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** A program of ours, ended with the scenario; `said` is all it printed so far. */
export function start(t, command, args, options = {}) {
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  const program = { child, said: "" };
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (bytes) => (program.said += bytes));
  const ended = new Promise((done) => child.on("close", done).on("error", done));
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGKILL");
    await ended;
  });
  program.ended = ended;
  return program;
}

export function stagedoor(t, args, options) {
  if (!existsSync(binary)) throw new Error(`there is no ${binary}; hint: cargo build`);
  return start(t, binary, args, options);
}

/** A gateway with one app, of which `app` is the TOML, and what makes enter links to it. Its tokens travel in a cookie. */
export async function gateway(t, app) {
  const home = folder(t);
  const [port, adminPort] = [await freePort(), await freePort()];
  const config = join(home, "stagedoor.toml");
  writeFileSync(config, `
[server]
listen = ["127.0.0.1:${port}"]
[admin]
listen = "127.0.0.1:${adminPort}"
[auth.house]
kind = "jwt"
keys = [{ secret = { file = "secret", generate = true } }]
issuer = "stagedoor"
audience = ["media"]
sources = ["cookie:stagedoor"]
${app}`);
  const running = stagedoor(t, ["run", "--config", config], { cwd: home });
  await poll("the gateway", () => running.said.includes("admin listening"));
  const link = (user, ...more) => ask(t, ["token", "--sub", user, ...more, "--config", config, "--link"], { cwd: home });
  const metrics = async () => (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
  return { port, link, metrics };
}

/** What a command of the binary prints. */
export async function ask(t, args, options) {
  const program = stagedoor(t, args, options);
  const code = await program.ended;
  if (code !== 0) throw new Error(`stagedoor ${args.join(" ")}: exit ${code}: ${program.said}`);
  return program.said.trim();
}

/** The address that a program printed for the browser. */
export function enterLink(program) {
  const link = /http:\/\/\S+\/\.stagedoor\/enter#[\w-]+/;
  return poll("an enter link", () => program.said.match(link)?.[0]).catch((error) => {
    throw new Error(`${error.message}; it said: ${program.said}`);
  });
}

/** A browser that keeps nothing and asks nobody but what it is sent to. */
export async function browser(t, more = []) {
  const path = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);
  if (!path) throw new Error("there is no chromium; hint: tests/run installs it");
  const opened = await chromium.launch({
    executablePath: path,
    timeout: PATIENCE,
    args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
      "--disable-component-update", "--disable-sync", "--autoplay-policy=no-user-gesture-required", ...more],
  });
  t.after(() => opened.close());
  return opened;
}

/** A page, and what it complained of and asked for. */
export async function page(opened, options = {}) {
  const context = await opened.newContext(options);
  context.setDefaultTimeout(PATIENCE);
  const page = await context.newPage();
  const complaints = [];
  const asked = [];
  page.on("console", (message) => {
    if (message.type() === "error" || message.type() === "warning") complaints.push(`${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => asked.push(request));
  return { context, page, complaints, asked };
}
