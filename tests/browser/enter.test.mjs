// Enter links over plain HTTP, where a browser says nothing of where a request comes from and keeps no pages apart.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, gateway, page, poll, site } from "./harness.mjs";

const HOST = "media.test";

/** A gateway under a name that no browser trusts by itself, and what makes links to it. */
async function stand(t) {
  const app = await site(t);
  const { port, link } = await gateway(t, `
[app.media]
hosts = ["${HOST}"]
upstream = "${app.slice(0, -1)}"
auth = "required"
`);
  const opened = await browser(t, [`--host-resolver-rules=MAP ${HOST} 127.0.0.1`]);
  return { link, opened, origin: `http://${HOST}:${port}`, elsewhere: await site(t) };
}

/** Whom the browser's cookie names. */
async function user(context) {
  const cookie = (await context.cookies()).find(({ name }) => name === "stagedoor");
  return cookie && JSON.parse(Buffer.from(cookie.value.split(".")[1], "base64url")).sub;
}

async function enter({ context, page: tab }, link, origin) {
  await tab.goto(link);
  // Over plain HTTP nobody can tell whether a person opened the link: it is a click that goes on.
  await tab.click("text=Come in as");
  await tab.waitForURL(`${origin}/`);
  return user(context);
}

test("a link on another site ends no visit", async (t) => {
  const { link, opened, origin, elsewhere } = await stand(t);
  const visitor = await page(opened);
  assert.equal(await enter(visitor, await link("bob"), origin), "bob");

  const other = await visitor.context.newPage();
  await other.goto(elsewhere);
  await other.evaluate((to) => (location = to), `${origin}/.stagedoor/leave`);
  await other.waitForURL(`${origin}/.stagedoor/leave`);
  await other.waitForSelector("h1");
  assert.equal(await user(visitor.context), "bob");
  // Whoever means it says so.
  await other.click("button");
  await poll("the end", async () => (await visitor.context.cookies()).length === 0);
});

test("a page that was opened before takes no code for somebody else", async (t) => {
  const { link, opened, origin, elsewhere } = await stand(t);
  const visitor = await page(opened);
  const foreign = await link("mallory");
  const other = await visitor.context.newPage();
  await other.goto(elsewhere);
  const [left] = await Promise.all([
    visitor.context.waitForEvent("page"),
    other.evaluate((to) => void (window.left = window.open(to)), `${origin}/.stagedoor/enter`),
  ]);
  await left.waitForSelector("form");
  assert.equal(await enter(visitor, await link("bob"), origin), "bob");

  // The site that opened it gives it a code now, which loads nothing. The page says who would give way, and waits.
  await other.evaluate((to) => void (window.left.location = to), foreign);
  await left.waitForSelector("text=Come in as mallory");
  assert.match(await left.evaluate(() => document.body.innerText), /in already as bob/);
  assert.equal(await left.evaluate(() => document.getElementById("goes")), null);
  assert.equal(await user(visitor.context), "bob");
  assert.equal(left.url(), `${origin}/.stagedoor/enter`);
});

test("a code on the page that asks who comes leads back to what was asked first", async (t) => {
  const { link, opened, origin } = await stand(t);
  // Also without a script.
  for (const javaScriptEnabled of [true, false]) {
    const { context, page: tab, complaints } = await page(opened, { javaScriptEnabled });
    const answer = await tab.goto(`${origin}/library/films?page=2&q=a%20b`);
    assert.equal(answer.status(), 401);
    await tab.fill("#code", await link("alice"));
    await tab.click("text=Continue");
    const text = await tab.innerText("main");
    for (const part of [/Come in to media\?/, /alice/, /60 minutes|1 hour/]) assert.match(text, part);
    assert.equal((await context.cookies()).length, 0, "a look uses nothing up");
    await tab.click("text=Come in as alice");
    await tab.waitForURL(`${origin}/library/films?page=2&q=a%20b`);
    assert.equal(await user(context), "alice");
    assert.deepEqual(complaints.filter((text) => !/status of 401/.test(text)), []);
  }
});
