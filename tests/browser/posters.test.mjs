// A page of many posters over HTTP/2, which people leave before it is there.

import assert from "node:assert/strict";
import { test } from "node:test";
import { picture, poll } from "./harness.mjs";
import { netLog, stand } from "./https.mjs";

/** How long the test may take before it counts as stuck, in milliseconds. */
const LONGEST = 180_000;
const POSTERS = 200;
/** How many requests a connection may carry at the same time, by default. */
const STREAMS = 100;
/** How many requests a connection may carry before it ends in peace, by default. */
const REQUESTS = 1000;

/** Posters of as many sizes as there are posters, each of one colour. */
const sizeOf = (n) => ({ width: 120 + 4 * (n % 10), height: 180 + Math.floor(n / 10) });
const colourOf = (n) => [(n * 53) % 256, (n * 101) % 256, (n * 197) % 256];

/** A poster as a bitmap. */
function poster(n) {
  const { width, height } = sizeOf(n);
  const bytes = Buffer.alloc(54 + 3 * width * height);
  bytes.write("BM");
  for (const [at, value] of [[2, bytes.length], [10, 54], [14, 40], [18, width], [22, height]]) bytes.writeUInt32LE(value, at);
  bytes.writeUInt16LE(1, 26);
  bytes.writeUInt16LE(24, 28);
  bytes.fill(Buffer.from(colourOf(n).reverse()), 54);
  return bytes;
}

/** The app. It is slow until told otherwise: a poster every so often is finished, and of every third one the first half
 *  comes at once. */
function library(t) {
  const app = { slow: true, visits: new Map() };
  const waiting = new Set();
  const timer = setInterval(() => {
    const [finish] = waiting;
    finish?.();
  }, 50);
  t.after(() => clearInterval(timer));
  app.answer = (request, answer) => {
    const { pathname, searchParams } = new URL(request.url, "http://app");
    const visit = searchParams.get("visit");
    answer.setHeader("cache-control", "no-store");
    const n = /^\/poster\/(\d+)$/.exec(pathname)?.[1];
    if (!n) return answer.setHeader("content-type", "text/html").end(html(visit));
    const bytes = poster(Number(n));
    answer.writeHead(200, { "content-type": "image/bmp", "content-length": bytes.length });
    if (!app.slow) return answer.end(bytes);
    const seen = app.visits.get(visit) ?? { underWay: 0, left: 0 };
    app.visits.set(visit, seen);
    seen.underWay += 1;
    const half = n % 3 === 0 ? bytes.length / 2 : 0;
    if (half > 0) answer.write(bytes.subarray(0, half));
    const finish = () => answer.end(bytes.subarray(half));
    waiting.add(finish);
    answer.on("close", () => {
      waiting.delete(finish);
      seen.underWay -= 1;
      if (!answer.writableFinished) seen.left += 1;
    });
  };
  return app;
}

function html(visit) {
  const posters = Array.from({ length: visit ? POSTERS : 0 }, (_, n) => `<img src="/poster/${n}?visit=${visit}" alt="${n}">`);
  return `<!doctype html><title>posters</title><link rel="icon" href="data:,">
<style>img { width: 60px; height: 90px }</style>${posters.join("")}`;
}

/** The ways to leave a page that is still loading; each leads to the tab that goes on. */
const WAYS = {
  "another page": async (tab, origin) => (await tab.goto(`${origin}/`), tab),
  "the button that stops": async (tab) => (await tab.evaluate(() => window.stop()), tab),
  "a page that takes its pictures away": async (tab) => {
    await tab.evaluate(() => {
      for (const image of document.querySelectorAll("img")) image.removeAttribute("src");
    });
    return tab;
  },
  "a tab that is closed": async (tab) => {
    const next = await tab.context().newPage();
    await tab.close();
    return next;
  },
  "the button that goes back": async (tab) => (await tab.goBack(), tab),
};

test("a page of posters that is left ten times loads whole at last", { timeout: LONGEST }, async (t) => {
  const app = library(t);
  const log = netLog(t);
  const { page: first, opened, origin, limited } = await stand(t, "posters", app.answer, [log.argument]);
  let tab = first;
  const ways = Object.entries(WAYS);
  for (let visit = 1; visit <= 10; visit += 1) {
    const [name, leave] = ways[visit % ways.length];
    await tab.goto(`${origin}/?visit=${visit}`, { waitUntil: "commit" });
    const posters = await poll(`posters of visit ${visit}`, () => {
      const seen = app.visits.get(`${visit}`);
      return seen?.underWay > 0.9 * STREAMS && seen;
    });
    tab = await leave(tab, origin);
    // Whatever the browser wants no more, the app need not finish.
    await poll(`the end of visit ${visit}, left by ${name}`, () => posters.underWay === 0);
    assert.ok(posters.left > STREAMS / 2, `visit ${visit}, left by ${name}: only ${posters.left} posters were under way`);
  }

  app.slow = false;
  await tab.goto(`${origin}/?visit=last`);
  const expected = Array.from({ length: POSTERS }, (_, n) => (
    { complete: true, ...sizeOf(n), colour: colourOf(n), status: 200, bytes: poster(n).length, protocol: "h2" }
  ));
  assert.deepEqual(await tab.evaluate(shown), expected);
  await tab.screenshot({ path: picture("posters"), fullPage: true });

  // No connection has ended for what the browser did: only for the number of its requests, and in peace.
  assert.deepEqual(await limited(), []);
  await opened.close();
  const connections = log.connections();
  const sum = (key) => connections.reduce((total, connection) => total + connection[key], 0);
  assert.ok(sum("resets") > 10 * STREAMS / 2, JSON.stringify(connections));
  assert.ok(connections.filter(({ ends }) => ends.length === 0).length <= 1, JSON.stringify(connections));
  for (const { requests, ends } of connections.filter(({ ends }) => ends.length > 0)) {
    assert.ok(requests >= REQUESTS && ends.every((error) => error === "0 (NO_ERROR)"), JSON.stringify(connections));
  }
});

/** What the page has of each of its pictures. */
function shown() {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const loads = new Map(performance.getEntriesByType("resource").map((load) => [load.name, load]));
  return [...document.images].map((image) => {
    context.drawImage(image, 0, 0, 1, 1);
    const colour = [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
    const { complete, naturalWidth: width, naturalHeight: height } = image;
    const { responseStatus: status, decodedBodySize: bytes, nextHopProtocol: protocol } = loads.get(image.src);
    return { complete, width, height, colour, status, bytes, protocol };
  });
}
