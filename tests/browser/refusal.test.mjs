// What a person sees who is refused, comes in or leaves, on a phone and on a desk, by day and by night.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, enterLink, folder, gateway, page, picture, site, stagedoor } from "./harness.mjs";

const SIZES = { phone: { width: 360, height: 740 }, desktop: { width: 1280, height: 800 } };
const LOOKS = Object.entries(SIZES).flatMap(([name, viewport]) =>
  ["light", "dark"].map((colorScheme) => ({ name: `${name}-${colorScheme}`, viewport, colorScheme })),
);

/** What a reader with a screen reader, a keyboard or weak eyes would miss. */
function faults() {
  const found = [];
  const say = (text) => found.push(text);
  if (!document.documentElement.lang) say("no language");
  if (!document.title) say("no title");
  if (document.querySelectorAll("h1").length !== 1) say("not one h1");
  if (!document.querySelector("main")) say("no main");
  const levels = [...document.querySelectorAll("h1,h2,h3")].map(({ tagName }) => Number(tagName[1]));
  if (levels.some((level, at) => at > 0 && level > levels[at - 1] + 1)) say("a heading is skipped");
  const ids = [...document.querySelectorAll("[id]")].map(({ id }) => id);
  if (new Set(ids).size !== ids.length) say("an id twice");
  for (const field of document.querySelectorAll("input:not([type=hidden])")) {
    if (!field.labels.length) say(`no label: ${field.outerHTML}`);
    if (field.getBoundingClientRect().height < 44) say(`hard to hit: ${field.outerHTML}`);
  }
  for (const image of document.querySelectorAll("img")) if (!image.alt) say("a picture without words");
  const shown = (element) => element.getClientRects().length > 0;
  for (const element of [...document.querySelectorAll("button,.button")].filter(shown)) {
    if (!element.innerText.trim()) say("a button without words");
    if (element.getBoundingClientRect().height < 44) say(`hard to hit: ${element.innerText}`);
  }
  const parse = (colour) => colour.match(/[\d.]+/g).map(Number);
  const light = (colour) => {
    const [r, g, b] = colour.map((part) => (part / 255 <= 0.03928 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] > 0) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  for (const element of [...document.body.querySelectorAll("*")].filter(shown)) {
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color).slice(0, 3)), light(ground(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) say(`contrast ${contrast.toFixed(2)}: ${element.innerText.slice(0, 40)}`);
  }
  if (document.documentElement.scrollWidth > innerWidth) say("it has to be scrolled sideways");
  return found;
}

async function look(tab, name) {
  assert.deepEqual(await tab.evaluate(faults), [], name);
  await tab.screenshot({ path: picture(name), fullPage: true });
}

/** A gateway with one app that asks who comes, and a page of it whose limit is used up at once. */
async function stand(t) {
  const app = await site(t);
  const { port, link } = await gateway(t, `
[app.films]
hosts = ["localhost"]
upstream = "${app.slice(0, -1)}"
auth = "required"
[[app.films.route]]
match = "GET /busy"
auth = "public"
limit.ip = ["1/s burst 1"]
[[app.films.route]]
match = "GET /slow/{who}"
auth = "public"
limit.ip = ["40/hour"]
[[app.films.route]]
match = "GET /admin"
roles = ["admin"]
`);
  return { link: (user) => link(user, "--for", "12h"), origin: `http://localhost:${port}`, opened: await browser(t) };
}

test("what is refused is told in words that help", async (t) => {
  const { opened, origin, link } = await stand(t);
  const spent = async (tab) => {
    for (;;) {
      const answer = await tab.goto(`${origin}/slow/x`);
      if (answer.status() === 429) return answer;
    }
  };
  for (const { name, viewport, colorScheme } of LOOKS) {
    await t.test(name, async () => {
      const { context, page: tab, complaints, asked } = await page(opened, { viewport, colorScheme });
      const refused = await tab.goto(`${origin}/library/films?page=2`);
      assert.equal(refused.status(), 401);
      const text = await tab.innerText("main");
      assert.match(text, new RegExp(refused.headers()["x-request-id"]), "no request id");
      assert.match(text, /enter link/i, "nothing to do");
      assert.match(await tab.title(), /films/);
      await look(tab, `refusal-401-${name}`);

      assert.equal((await spent(tab)).status(), 429);
      assert.match(await tab.innerText("#left"), /^\d+ (seconds|minutes)$/);
      assert.equal(await tab.isVisible("#again"), false, "it offers to retry before that can help");
      await look(tab, `refusal-429-${name}`);

      // A link that a person opens: it says who one becomes, for how long, and goes on by itself.
      await tab.goto(await link("alice"));
      await tab.waitForSelector("text=Come in as alice");
      await tab.waitForFunction(() => /by itself in \d second/.test(document.body.innerText));
      const promise = await tab.innerText("main");
      for (const part of [/films/, /alice/, /12 hours/]) assert.match(promise, part);
      await look(tab, `enter-${name}`);
      assert.equal((await context.cookies()).length, 0, "the page that asks uses the code up");
      await tab.waitForURL(`${origin}/`);

      await tab.goto(`${origin}/.stagedoor/`);
      for (const part of [/alice/, /12 hours/, /Leave/]) assert.match(await tab.innerText("main"), part);
      await look(tab, `own-${name}`);
      await tab.goto(`${origin}/admin`);
      await look(tab, `refusal-403-${name}`);
      await tab.goto(await link("bob"));
      await tab.waitForSelector("text=Come in as bob");
      await look(tab, `enter-occupied-${name}`);
      await tab.goto(`${origin}/.stagedoor/`);
      await tab.click("text=Leave");
      await tab.waitForSelector("text=You have left");
      await look(tab, `left-${name}`);
      assert.equal((await context.cookies()).length, 0);
      await tab.goto(`${origin}/.stagedoor/`);
      await look(tab, `own-out-${name}`);

      // That pages were refused is all there is to complain of.
      assert.deepEqual(complaints.filter((text) => !/status of (401|403|429)/.test(text)), []);
      assert.ok(asked.every((request) => new URL(request.url()).origin === origin));
    });
  }
});

test("the page of a limit counts down, then offers to go on, and loads nothing by itself", async (t) => {
  const { opened, origin } = await stand(t);
  const { page: tab, asked } = await page(opened);
  for (;;) if ((await tab.goto(`${origin}/busy`)).status() === 429) break;
  const before = asked.length;
  await tab.waitForSelector("#again", { state: "visible" });
  assert.equal(await tab.innerText("#then"), "You can go on now.");
  assert.equal(asked.length, before, "it loads by itself");
  await Promise.all([tab.waitForNavigation(), tab.click("#again")]);
  assert.equal(await tab.evaluate(() => document.body.innerText), "x");

  // Without a script it still says how long, and has the link.
  const { page: plain } = await page(opened, { javaScriptEnabled: false });
  for (;;) if ((await plain.goto(`${origin}/busy`)).status() === 429) break;
  assert.match(await plain.innerText("main"), /Come back in 1 second/);
  assert.equal(await plain.isVisible("#again"), true);
});

test("the demo is readable everywhere", async (t) => {
  const program = stagedoor(t, ["demo", "--port", "0"], { cwd: folder(t) });
  const link = await enterLink(program);
  const { origin } = new URL(link);
  const opened = await browser(t);
  const first = await page(opened, LOOKS[0]);
  await first.page.goto(link);
  await first.page.waitForURL(`${origin}/`);
  const cookies = await first.context.cookies();
  for (const { name, viewport, colorScheme } of LOOKS) {
    const { context, page: tab } = await page(opened, { viewport, colorScheme });
    await context.addCookies(cookies);
    await tab.goto(`${origin}/`);
    await tab.waitForFunction(() => {
      const pictures = [...document.querySelectorAll("#gallery img")];
      return pictures.length === 6 && pictures.every((picture) => picture.complete && picture.naturalWidth > 0);
    });
    assert.match(await tab.innerText("#who"), /You are in as guest for another \d+ minutes/);
    for (const [path, said] of [["/api/health", "200, by the app"], ["/api/admin/settings", "403 forbidden, by the gateway"],
      ["/API/Admin/settings", "400 ambiguous_path, by the gateway"]]) {
      await tab.click(`[data-try="${path}"]`);
      await tab.waitForSelector(`output:text-is("${said}")`);
    }
    await tab.click("[data-credentials=omit]");
    await tab.waitForSelector('output:text-is("401 token_missing, by the gateway")');
    await tab.click('[data-send="20000"]');
    await tab.waitForSelector('output:text-is("413 body_too_large, by the gateway")');
    await tab.click("#ws");
    await tab.waitForFunction(() => /messages? from the app/.test(document.getElementById("socket").textContent));
    await look(tab, `demo-${name}`);
    await context.close();
  }
});
