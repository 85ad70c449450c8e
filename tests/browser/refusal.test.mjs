// What a person sees who is refused, on a phone and on a desk, by day and by night.

import assert from "node:assert/strict";
import { test } from "node:test";
import { browser, folder, page, picture, poll, stagedoor } from "./harness.mjs";

const SIZES = { phone: { width: 360, height: 740 }, desktop: { width: 1280, height: 800 } };

test("the refusal page", async (t) => {
  const home = folder(t);
  const env = { ...process.env, STAGEDOOR_LISTEN: "127.0.0.1:0", STAGEDOOR_ADMIN_LISTEN: "off" };
  const program = stagedoor(t, ["run", "--upstream", "http://127.0.0.1:9"], { cwd: home, env });
  const port = await poll("the listener", () => /"?listening"?[^\n]*?127\.0\.0\.1:(\d+)/.exec(program.said)?.[1]);
  const opened = await browser(t);

  for (const [name, viewport] of Object.entries(SIZES)) {
    for (const colorScheme of ["light", "dark"]) {
      await t.test(`${name}, ${colorScheme}`, async () => {
        const { page: tab, complaints, asked } = await page(opened, { viewport, colorScheme });
        const answer = await tab.goto(`http://localhost:${port}/library/films?page=2`);
        assert.equal(answer.status(), 401);
        const id = answer.headers()["x-request-id"];
        const text = await tab.evaluate(() => document.body.innerText);
        assert.match(text, new RegExp(id), "no request id");
        assert.match(text, /enter link|link/i, "nothing to do");
        const fits = await tab.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
        assert.ok(fits, "it has to be scrolled sideways");
        await tab.screenshot({ path: picture(`refusal-${name}-${colorScheme}`) });
        // The page itself was refused: that is all there is to complain of.
        assert.deepEqual(complaints.filter((text) => !text.includes("status of 401")), []);
        assert.ok(asked.every((request) => new URL(request.url()).host === `localhost:${port}`));
      });
    }
  }
});
