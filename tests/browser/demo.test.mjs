// `stagedoor demo` in a browser: in by the link, everything works, out again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, enterLink, folder, page, picture, poll, site, stagedoor } from "./harness.mjs";

async function demo(t) {
  const program = stagedoor(t, ["demo", "--port", "0"], { cwd: folder(t) });
  return enterLink(program);
}

test("the link lets a browser in, and everything of the app works", async (t) => {
  const link = await demo(t);
  const { origin } = new URL(link);
  const { context, page: tab, complaints, asked } = await page(await browser(t));
  await tab.goto(link);
  await tab.waitForURL(`${origin}/`);

  // Who is in is the browser's business alone: no script of the app can read it.
  const cookie = (await context.cookies()).find(({ name }) => name === "stagedoor");
  assert.ok(cookie, "no cookie");
  assert.deepEqual([cookie.httpOnly, cookie.sameSite, cookie.secure, cookie.path], [true, "Lax", false, "/"]);
  assert.doesNotMatch(await tab.evaluate(() => document.cookie), /stagedoor/);

  await tab.waitForFunction(() => {
    const pictures = [...document.querySelectorAll("#gallery img")];
    return pictures.length === 6 && pictures.every((picture) => picture.complete && picture.naturalWidth > 0);
  });

  const frames = [];
  tab.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => frames.push(payload)));
  await tab.click("#ws");
  await poll("what the WebSocket was told", () => frames.includes("hello"));

  await t.test("a seek in the film asks for a range", async () => {
    await tab.waitForFunction(() => document.getElementById("film").readyState >= 1);
    const part = tab.waitForResponse((answer) => {
      const range = /^bytes=(\d+)-/.exec(answer.request().headers().range ?? "");
      return answer.url().endsWith(".webm") && answer.status() === 206 && Number(range?.[1]) > 20_000_000;
    });
    const seen = await tab.evaluate(async () => {
      const film = document.getElementById("film");
      const sought = new Promise((done, fail) => {
        film.addEventListener("seeked", done, { once: true });
        film.addEventListener("error", () => fail(new Error(film.error.message)), { once: true });
      });
      film.currentTime = 240.5;
      await sought;
      return { at: film.currentTime, width: film.videoWidth, height: film.videoHeight, length: film.duration };
    });
    assert.deepEqual(seen, { at: 240.5, width: 320, height: 180, length: 300 });
    await part;
  });

  assert.deepEqual(complaints, []);
  assert.deepEqual(asked.map((request) => new URL(request.url()).origin).filter((other) => other !== origin), []);
  // The code travels in a body, never in an address.
  const code = new URL(link).hash.slice(1);
  assert.deepEqual(asked.map((request) => request.url()).filter((url) => url.split("#")[0].includes(code)), []);
  assert.doesNotMatch(await tab.evaluate(() => location.href), new RegExp(code));
});

test("a link is good for one browser", async (t) => {
  const link = await demo(t);
  const { origin } = new URL(link);
  const opened = await browser(t);
  const first = await page(opened);
  await first.page.goto(link);
  await first.page.waitForURL(`${origin}/`);

  const second = await page(opened);
  await second.page.goto(link);
  await second.page.waitForFunction(() => /used|expired/i.test(document.body.innerText));
  assert.equal((await second.context.cookies()).length, 0);
});

test("leaving ends it", async (t) => {
  const link = await demo(t);
  const { origin } = new URL(link);
  const { context, page: tab } = await page(await browser(t));
  await tab.goto(link);
  await tab.waitForURL(`${origin}/`);
  const status = () => tab.evaluate(async () => (await fetch("/api/gallery")).status);
  assert.equal(await status(), 200);

  // A picture or a frame on some other page does not end it.
  const elsewhere = await context.newPage();
  await elsewhere.goto(await site(t));
  await elsewhere.evaluate(
    (src) => new Promise((done) => Object.assign(new Image(), { onload: done, onerror: done }).src = src),
    `${origin}/.stagedoor/leave`,
  );
  assert.equal(await status(), 200);

  await tab.click("#leave a");
  await poll("the end", async () => (await context.cookies()).length === 0);
  assert.match(await tab.evaluate(() => document.body.innerText), /left/i);
  await tab.screenshot({ path: picture("left") });
  await tab.goto(`${origin}/`);
  assert.equal(await status(), 401);
});
