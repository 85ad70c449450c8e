// An app behind an https listener, and what Chromium says of its connections.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { browser, folder, freePort, gateway, page, serve } from "./harness.mjs";

/** An app, for which this function answers, behind a gateway whose limits are the default ones; and a user who is signed in. */
export async function stand(t, name, answer, more = []) {
  const host = `${name}.localhost`;
  const { cert, key, spki } = certificate(folder(t), host);
  const port = await freePort();
  const { link, metrics } = await gateway(t, `
[server.tls]
listen = ["127.0.0.1:${port}"]
certificates = [{ cert = "${cert}", key = "${key}" }]
public_port = ${port}
[app.${name}]
hosts = ["${host}"]
upstream = "${await serve(t, answer)}"
auth = "required"
`);
  const opened = await browser(t, [`--ignore-certificate-errors-spki-list=${spki}`, ...more]);
  const visitor = await page(opened);
  const origin = `https://${host}:${port}`;
  await visitor.page.goto(await link("alice"));
  await visitor.page.waitForURL(`${origin}/`);
  return { ...visitor, opened, origin, limited: async () => limited(await metrics()) };
}

/** A certificate for one name, and the hash of its key, by which Chromium takes it without an authority. */
function certificate(home, host) {
  const [cert, key] = [join(home, "cert.pem"), join(home, "key.pem")];
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
    "-subj", "/CN=home", "-addext", `subjectAltName=DNS:${host}`, "-keyout", key, "-out", cert], { stdio: "pipe" });
  const { publicKey } = new X509Certificate(readFileSync(cert));
  const spki = createHash("sha256").update(publicKey.export({ type: "spki", format: "der" })).digest("base64");
  return { cert, key, spki };
}

/** How often a client of HTTP/2 was limited, by the reason, where that is not never. */
function limited(metrics) {
  const counted = [...metrics.matchAll(/^stagedoor_http2_limited_total\{reason="(\w+)"\} (\d+)$/gm)];
  assert.ok(counted.length > 0, "there is no such metric");
  return counted.filter(([, , count]) => count !== "0").map(([, reason, count]) => `${reason}: ${count}`);
}

/** The browser's own log: the argument that asks for it, and what it says once the browser has ended. */
export function netLog(t) {
  const file = join(folder(t), "net-log.json");
  return { argument: `--log-net-log=${file}`, connections: () => http2Connections(JSON.parse(readFileSync(file, "utf8"))) };
}

/** The connections of HTTP/2 in the order in which they began: the requests of each, the streams that the browser reset, and
 *  the errors of the GOAWAYs that came. */
function http2Connections({ constants: { logEventTypes, logSourceType }, events }) {
  const found = new Map();
  for (const { type, source, params } of events) {
    if (source.type !== logSourceType.HTTP2_SESSION) continue;
    if (!found.has(source.id)) found.set(source.id, { requests: 0, resets: 0, ends: [] });
    const connection = found.get(source.id);
    if (type === logEventTypes.HTTP2_SESSION_SEND_HEADERS) connection.requests += 1;
    if (type === logEventTypes.HTTP2_SESSION_SEND_RST_STREAM) connection.resets += 1;
    if (type === logEventTypes.HTTP2_SESSION_RECV_GOAWAY) connection.ends.push(params.error_code);
  }
  return [...found.values()];
}
