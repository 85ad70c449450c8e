// Node's two URL parsers, and Express: server.mjs NAME PORT
import http from "node:http";
import url from "node:url";

import express from "express";

const [name, port] = process.argv.slice(2);

// Which route a path means, once it has been read.
function routed(path) {
  const [, first, second] = path.split("/");
  if (first === "admin") return "routed admin";
  if (first === "users" && second !== undefined) return `routed users ${second}`;
  return "routed other";
}

const readers = {
  // As most handlers without a framework do it.
  url: (target) => decodeURIComponent(new URL(target, "http://localhost").pathname),
  // Decoded before it is taken apart.
  decoded: (target) => new URL(decodeURIComponent(target), "http://localhost").pathname,
  parse: (target) => decodeURIComponent(url.parse(target).pathname),
  // As proxies and older routers call it.
  host: (target) => decodeURIComponent(url.parse(target, false, true).pathname ?? "/"),
};

if (name === "express") {
  const app = express();
  app.all(["/admin", /^\/admin\/.*/], (_, response) => response.type("text").send("routed admin"));
  app.all(/^\/users\/([^/]+)\/.*/, (request, response) =>
    response.type("text").send(`routed users ${request.params[0]}`));
  app.use((_, response) => response.type("text").send("routed other"));
  app.listen(Number(port), "127.0.0.1");
} else {
  http.createServer((request, response) => {
    try {
      response.end(routed(readers[name](request.url)));
    } catch {
      response.statusCode = 400;
      response.end("not read");
    }
  }).listen(Number(port), "127.0.0.1");
}
