"use strict";

const at = (id) => document.getElementById(id);

function say(text) {
  const log = at("log");
  log.textContent = `${new Date().toLocaleTimeString()}  ${text}\n${log.textContent}`.slice(0, 4000);
}

async function ask(path, options = {}) {
  const answer = await fetch(path, options);
  const kind = answer.headers.get("content-type") || "";
  const text = kind.includes("octet-stream") ? `${(await answer.arrayBuffer()).byteLength} bytes` : await answer.text();
  say(`${options.method || "GET"} ${path}: ${answer.status} ${text.slice(0, 300)}`);
  return { ok: answer.ok, text };
}

function showJobs(jobs) {
  at("jobs").replaceChildren(
    ...jobs.slice(-8).map((job) => {
      const item = document.createElement("li");
      const bar = document.createElement("progress");
      bar.max = 100;
      bar.value = job.progress;
      item.append(bar, ` ${job.url}`);
      return item;
    }),
  );
}

let events;

async function begin() {
  events?.close();
  const list = await ask("/api/gallery");
  at("who").textContent = list.ok ? "with a token, in a cookie that no script can read" : "without a token: open an enter link";
  at("leave").hidden = !list.ok;
  at("gallery").replaceChildren();
  if (!list.ok) return;
  for (const picture of JSON.parse(list.text)) {
    const image = new Image();
    image.src = picture.url;
    image.alt = `picture ${picture.id}`;
    at("gallery").append(image);
  }
  at("film").src = "/media/clip.webm";
  events = new EventSource("/api/events");
  events.addEventListener("progress", (event) => showJobs(JSON.parse(event.data)));
}

at("download").addEventListener("submit", (event) => {
  event.preventDefault();
  const body = JSON.stringify({ url: at("url").value });
  ask("/api/downloads", { method: "POST", headers: { "content-type": "application/json" }, body });
});

at("upload").addEventListener("submit", (event) => {
  event.preventDefault();
  ask("/api/upload", { method: "POST", body: at("file").files[0] }).catch((error) => say(`upload: ${error.message}`));
});

for (const button of document.querySelectorAll("[data-try]")) {
  button.addEventListener("click", () => {
    const { try: path, range } = button.dataset;
    ask(path, range ? { headers: { range } } : {});
  });
}

at("ws").addEventListener("click", () => {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/api/ws`);
  socket.addEventListener("open", () => socket.send("hello"));
  socket.addEventListener("message", (event) => say(`WebSocket: ${String(event.data).slice(0, 200)}`));
  socket.addEventListener("error", () => say("WebSocket: refused"));
  setTimeout(() => socket.close(), 5000);
});

begin();
