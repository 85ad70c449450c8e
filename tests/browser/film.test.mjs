// A film of a gibibyte over HTTP/2: watched, sought in, and compared byte by byte.

import assert from "node:assert/strict";
import { pipeline } from "node:stream/promises";
import { test } from "node:test";
import { picture, poll } from "./harness.mjs";
import { frames, makeFilm } from "./film.mjs";
import { stand } from "./https.mjs";

const film = makeFilm(frames);
/** How long a test may take before it counts as stuck, in milliseconds. */
const LONGEST = 180_000;
/** How much the app writes at once, in bytes. */
const PIECE = 256 << 10;

const PAGE = `<!doctype html><title>film</title><link rel="icon" href="data:,"><video id="film" controls muted></video>`;

/** The app, and how many answers it still writes. */
function cinema() {
  const app = { writing: 0 };
  app.answer = async (request, answer) => {
    if (request.url !== "/film.webm") return answer.setHeader("content-type", "text/html").end(PAGE);
    const { length } = film;
    const [, from, to] = /^bytes=(\d*)-(\d*)$/.exec(request.headers.range ?? "") ?? [];
    const first = from ? Number(from) : to ? Math.max(0, length - Number(to)) : 0;
    const last = from && to ? Math.min(Number(to), length - 1) : length - 1;
    answer.setHeader("content-type", "video/webm").setHeader("accept-ranges", "bytes").setHeader("etag", '"film"');
    if (first >= length) return answer.writeHead(416, { "content-range": `bytes */${length}` }).end();
    if (from || to) answer.statusCode = 206;
    if (from || to) answer.setHeader("content-range", `bytes ${first}-${last}/${length}`);
    answer.setHeader("content-length", last + 1 - first);
    app.writing += 1;
    answer.on("close", () => (app.writing -= 1));
    // A browser that leaves is no fault.
    await pipeline(pieces(first, last + 1), answer).catch(() => {});
  };
  return app;
}

function* pieces(from, to) {
  for (let at = from; at < to; at += PIECE) yield film.bytes(at, Math.min(at + PIECE, to));
}

/** Somebody in front of the film, and what the browser heard of each part of it. */
async function seat(t) {
  const app = cinema();
  const { context, page: tab, limited, complaints } = await stand(t, "film", app.answer);
  const answers = [];
  const session = await context.newCDPSession(tab);
  session.on("Network.responseReceived", ({ response }) => {
    if (response.url.endsWith("/film.webm")) answers.push(response);
  });
  await session.send("Network.enable");
  await tab.evaluate(`{
    const frames = ${JSON.stringify(frames.map((frame) => frame.toString("base64")))};
    window.frames = frames.map((text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0)));
    window.film = (${makeFilm})(window.frames);
  }`);
  /** All came over one connection of HTTP/2, and the app writes no more to a browser that has left. */
  const leave = async () => {
    await tab.goto("about:blank");
    await poll("the end of all answers", () => app.writing === 0);
    assert.deepEqual([...new Set(answers.map(({ protocol }) => protocol))], ["h2"]);
    assert.equal(new Set(answers.map(({ connectionId }) => connectionId)).size, 1, "it was not one connection");
    assert.deepEqual(await limited(), []);
    assert.deepEqual(complaints, []);
  };
  return { tab, answers, complaints, leave };
}

/** Asks in the page for parts of the film, and tells what is not as it should be. A part of which only the beginning is
 *  wanted is given up once that is there, after the next one was asked for, as a player does. */
async function askForParts(parts) {
  const { film } = window;
  const wrong = [];
  let before;
  for (const { range, first, last, wanted } of parts) {
    const abort = new AbortController();
    const say = (what) => wrong.push(`${range}: ${what}`);
    const answer = await fetch("/film.webm", { headers: { range }, cache: "no-store", signal: abort.signal });
    before?.abort();
    before = undefined;
    const told = answer.headers.get("content-range");
    if (answer.status !== 206) say(`status ${answer.status}`);
    if (told !== `bytes ${first}-${last}/${film.length}`) say(`content-range ${told}`);
    if (answer.headers.get("content-length") !== `${last + 1 - first}`) say(`content-length ${answer.headers.get("content-length")}`);
    const reader = answer.body.getReader();
    const until = wanted === undefined ? last + 1 : Math.min(last + 1, first + wanted);
    let at = first;
    while (at < until) {
      const { done, value } = await reader.read();
      if (done) break;
      const expected = film.bytes(at, at + value.length);
      const other = value.findIndex((byte, n) => byte !== expected[n]);
      if (other >= 0) say(`another byte at ${at + other}`);
      at += value.length;
    }
    if (at < until) say(`ended at ${at}`);
    if (wanted !== undefined) before = abort;
    else if (at !== last + 1 || !(await reader.read()).done) say(`went on beyond ${last}`);
  }
  before?.abort();
  return wrong;
}

test("parts of a film are those that were asked for", { timeout: LONGEST }, async (t) => {
  const { tab, answers, complaints, leave } = await seat(t);
  const end = film.length - 1;
  const part = (first, last) => ({ range: `bytes=${first}-${last}`, first, last: Math.min(last, end) });
  const open = (first) => ({ range: `bytes=${first}-`, first, last: end });
  const suffix = (bytes) => ({ range: `bytes=-${bytes}`, first: Math.max(0, film.length - bytes), last: end });
  const edges = [2 ** 14, 2 ** 16, 2 ** 20, 2 ** 24, 2 ** 29, 2 ** 30].flatMap((edge) => [-1, 0, 1].map((by) => edge + by));
  const parts = [
    part(0, 0), part(0, 1), part(end, end), part(end, end + 1000), open(end), open(end - 70_000), suffix(1), suffix(65_537),
    ...edges.flatMap((at) => [part(at, at), part(at, at + 65_536), part(at - 16_383, at)]),
    { ...suffix(2 * film.length), wanted: 100_000 },
    { ...open(0), wanted: 3_000_000 },
  ];
  // 100 places that are the same in each run; of each second one the rest is given up.
  let seed = 20_261_130;
  const random = (below) => (seed = Number((BigInt(seed) * 48_271n) % 2_147_483_647n)) % below;
  for (let n = 0; n < 100; n += 1) {
    const first = random(film.length);
    parts.push(n % 2 ? { ...open(first), wanted: 1 + random(300_000) } : part(first, Math.min(end, first + random(300_000))));
  }
  assert.deepEqual(await tab.evaluate(askForParts, parts), []);
  await poll("an answer for each part", () => answers.length === parts.length);
  assert.deepEqual(complaints, []);
  const beyond = await tab.evaluate(async (range) => {
    const answer = await fetch("/film.webm", { headers: { range }, cache: "no-store" });
    return [answer.status, answer.headers.get("content-range")];
  }, `bytes=${end + 1}-`);
  assert.deepEqual(beyond, [416, `bytes */${film.length}`]);
  complaints.length = 0;
  await leave();
});

test("a gibibyte arrives whole", { timeout: LONGEST }, async (t) => {
  const { tab, leave } = await seat(t);
  const seen = await tab.evaluate(async () => {
    const answer = await fetch("/film.webm", { cache: "no-store" });
    let [at, wrong] = [0, undefined];
    for await (const part of pieces(answer.body.getReader())) {
      const expected = window.film.bytes(at, at + part.length);
      for (let n = 0; n < part.length; n += 1) if (part[n] !== expected[n]) wrong ??= at + n;
      at += part.length;
    }
    return { status: answer.status, length: at, wrong };

    async function* pieces(reader) {
      for (let read; !(read = await reader.read()).done; ) yield read.value;
    }
  });
  assert.deepEqual(seen, { status: 200, length: film.length, wrong: undefined });
  await leave();
});

test("a film is watched, sought in and watched to its end", { timeout: LONGEST }, async (t) => {
  const { tab, answers, leave } = await seat(t);
  await tab.evaluate(theatre);
  const seen = await tab.evaluate(() => window.open("/film.webm"));
  assert.deepEqual(seen, { width: 320, height: 180, length: film.seconds });
  for (const second of [700, 3, 1022, 511, 0, 64, 999]) {
    await tab.evaluate((at) => window.seek(at), second + 0.5);
    await poll(`the picture of second ${second}`, async () => await tab.evaluate(() => window.digit()) === second % 10, 10_000);
  }
  // Drags the slider: of each of these seeks but the last one nothing is waited for.
  await tab.evaluate(() => window.drag(Array.from({ length: 40 }, (_, n) => ((n * 397) % 1000) + 0.5).concat(456.5)));
  await poll("the picture of second 456", async () => await tab.evaluate(() => window.digit()) === 6, 10_000);
  await tab.screenshot({ path: picture("film") });

  await tab.evaluate((at) => window.playFrom(at), film.seconds - 1.5);
  assert.equal(await tab.evaluate(() => window.digit()), (film.seconds - 1) % 10);
  assert.ok(answers.length > 8 && answers.every(({ status }) => status === 206), JSON.stringify(answers.map(({ status }) => status)));
  await leave();
});

/** What the page can do with its film. */
function theatre() {
  const player = document.getElementById("film");
  const came = (event) => new Promise((done, fail) => {
    player.addEventListener(event, done, { once: true });
    player.addEventListener("error", () => fail(new Error(player.error.message)), { once: true });
  });
  const look = (picture) => {
    const canvas = Object.assign(document.createElement("canvas"), { width: 32, height: 18 });
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(picture, 0, 0, 32, 18);
    return context.getImageData(0, 0, 32, 18).data;
  };
  let digits;

  window.open = async (src) => {
    // A frame is the picture of a lossy WebP too (RFC 9649 §2.5).
    digits = await Promise.all(window.frames.map((frame) => {
      const head = new DataView(new ArrayBuffer(20));
      const even = frame.length + (frame.length % 2);
      [0x52494646, , 0x57454250, 0x56503820].forEach((name, n) => head.setUint32(4 * n, name));
      head.setUint32(4, 12 + even, true);
      head.setUint32(16, frame.length, true);
      return createImageBitmap(new Blob([head, frame, new Uint8Array(even - frame.length)], { type: "image/webp" })).then(look);
    }));
    player.src = src;
    await came("loadeddata");
    return { width: player.videoWidth, height: player.videoHeight, length: player.duration };
  };
  window.seek = (at) => {
    player.currentTime = at;
    return came("seeked");
  };
  window.drag = async (places) => {
    for (const at of places) {
      player.currentTime = at;
      await new Promise((done) => setTimeout(done, 20));
    }
    if (player.seeking) await came("seeked");
  };
  window.playFrom = async (at) => {
    await window.seek(at);
    const ended = came("ended");
    await player.play();
    await ended;
  };
  /** The digit that the picture is most like. */
  window.digit = () => {
    const seen = look(player);
    const distances = digits.map((digit) => digit.reduce((sum, value, n) => sum + Math.abs(value - seen[n]), 0));
    return distances.indexOf(Math.min(...distances));
  };
}
