// A real app: Calibre-Web, with the configuration that stands in examples/, entered by a link.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ask, browser, folder, freePort, page, picture, poll, stagedoor, start, top } from "./harness.mjs";

const python = join(top, "target/apps/bin/python");

const BOOK = `
import sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as book:
    book.writestr("mimetype", "application/epub+zip")
    book.writestr("META-INF/container.xml", """<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">
<rootfiles><rootfile full-path="book.opf" media-type="application/oebps-package+xml"/></rootfiles></container>""")
    book.writestr("book.opf", """<package xmlns="http://www.idpf.org/2007/opf" version="2.0" unique-identifier="id">
<metadata xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:title>The Door</dc:title><dc:creator>Ann Author</dc:creator>
<dc:language>en</dc:language><dc:identifier id="id">the-door</dc:identifier><meta name="cover" content="cover"/></metadata>
<manifest><item id="cover" href="cover.jpg" media-type="image/jpeg"/>
<item id="page" href="page.xhtml" media-type="application/xhtml+xml"/></manifest><spine><itemref idref="page"/></spine></package>""")
    book.write(sys.argv[2], "cover.jpg")
    book.writestr("page.xhtml", '<html xmlns="http://www.w3.org/1999/xhtml"><body><p>A knock.</p></body></html>')
`;

/** The app, and the gateway before it; the folder of the gateway and its public address. */
async function stand(t) {
  if (!existsSync(python)) throw new Error("Calibre-Web is not installed; hint: tests/run installs it");
  const home = folder(t);
  const [appPort, port, adminPort] = [await freePort(), await freePort(), await freePort()];
  const app = start(t, python, [join(top, "tests/it/real/calibre-web"), join(home, "app"), String(appPort)]);
  await poll("Calibre-Web", () => fetch(`http://127.0.0.1:${appPort}/login`).then((a) => a.ok, () => false), 60_000)
    .catch((error) => Promise.reject(new Error(`${error.message}: ${app.said}`)));
  const config = join(home, "stagedoor.toml");
  const text = readFileSync(join(top, "examples/calibre-web/stagedoor.toml"), "utf8")
    .replace("http://127.0.0.1:8083", `http://127.0.0.1:${appPort}`);
  assert.ok(text.includes(String(appPort)), "the example names another upstream");
  writeFileSync(config, `${text}\n[server]\nlisten = ["127.0.0.1:${port}"]\n[admin]\nlisten = "127.0.0.1:${adminPort}"\n`);
  const gateway = stagedoor(t, ["run", "--config", config], { cwd: home });
  await poll("the gateway", () => gateway.said.includes("admin listening"));
  return { home, config, origin: `http://books.localhost:${port}` };
}

test("a link lets a browser in to Calibre-Web", async (t) => {
  const { home, config, origin } = await stand(t);
  const { context, page: tab, complaints, asked } = await page(await browser(t));

  // A cover of our own, of which the browser makes the picture.
  await tab.setContent("<body style='background: teal; font: 80px serif; color: white'>The Door</body>");
  const cover = join(home, "cover.jpg");
  await tab.screenshot({ path: cover, type: "jpeg" });
  const book = join(home, "door.epub");
  execFileSync(python, ["-c", BOOK, book, cover]);

  const refused = await tab.goto(`${origin}/`);
  assert.equal(refused.status(), 401);
  complaints.length = 0;

  const link = await ask(t, ["token", "--sub", "alice", "--config", config, "--link"], { cwd: home });
  assert.match(link, new RegExp(`^${origin}/\\.stagedoor/enter#[\\w-]+$`));
  await tab.goto(link);
  await tab.waitForURL(/\/login/);

  // Behind our door stands the app's own.
  await tab.fill("#username", "admin");
  await tab.fill("#password", "Own-d00r-key!");
  await Promise.all([tab.waitForURL(`${origin}/`), tab.click("button[name=submit]")]);
  await tab.setInputFiles("#btn-upload", book);
  await tab.waitForURL(/\/(admin\/)?book\/1/);
  await tab.goto(`${origin}/book/1`);
  const shown = await tab.waitForFunction(() => {
    const cover = document.querySelector(".cover img, img#detailcover");
    return cover?.complete && cover.naturalWidth > 0 && new URL(cover.currentSrc || cover.src).pathname;
  });
  assert.match(await shown.jsonValue(), /^\/cover\/1\//);
  await tab.screenshot({ path: picture("calibre-web") });
  assert.deepEqual(complaints, []);
  assert.ok(asked.every((request) => /^(data|blob|about):/.test(request.url()) || request.url().startsWith(origin)));

  await tab.goto(`${origin}/.stagedoor/leave`);
  await poll("the end", async () => !(await context.cookies()).some(({ name }) => name.startsWith("stagedoor")));
  assert.equal((await tab.goto(`${origin}/`)).status(), 401);
});
