"use strict";

const at = (id) => document.getElementById(id);

function say(text) {
  const log = at("log");
  log.textContent = `${new Date().toLocaleTimeString("en-GB")}  ${text}\n${log.textContent}`.slice(0, 4000);
}

/** Sends a request; what came back, and the code of the refusal where the gateway gave it. */
async function ask(path, options = {}) {
  const answer = await fetch(path, options);
  const kind = answer.headers.get("content-type") || "";
  const text = kind.includes("octet-stream") ? `${(await answer.arrayBuffer()).byteLength} bytes` : await answer.text();
  say(`${options.method || "GET"} ${path}: ${answer.status} ${text.slice(0, 160)}`);
  const code = kind.includes("problem+json") ? JSON.parse(text).code : null;
  return { ok: answer.ok, status: answer.status, text, code, fields: answer.headers };
}

function showJobs(jobs) {
  at("jobs").replaceChildren(
    ...jobs.slice(-8).map((job) => {
      const item = document.createElement("li");
      const bar = document.createElement("progress");
      bar.max = 100;
      bar.value = job.progress;
      bar.setAttribute("aria-label", job.url);
      item.append(bar, ` ${job.url}`);
      return item;
    }),
  );
}

/** Says beside a button who answered, and how. */
function tell(output, { status, code, fields }) {
  output.className = code ? "refused" : "passed";
  if (!code) {
    output.textContent = `${status}, by the app`;
    return;
  }
  const wait = fields.get("retry-after");
  output.textContent = `${status} ${code}, by the gateway${wait ? `; again in ${wait} seconds` : ""}`;
}

function tellLeft(fields) {
  const left = fields.get("x-ratelimit-remaining");
  if (left !== null) at("left").textContent = `Three a minute; left just now: ${left}.`;
}

function hours(seconds) {
  const minutes = Math.ceil(seconds / 60);
  return minutes <= 90 ? `${minutes} minutes` : `${Math.ceil(minutes / 60)} hours`;
}

let events;

async function begin() {
  events?.close();
  const visit = JSON.parse((await ask("/.stagedoor/", { headers: { accept: "application/json" } })).text);
  const name = document.createElement("strong");
  name.textContent = visit.user;
  if (visit.user === null) at("who").textContent = "You are not in. The page is public; what it shows is not.";
  else at("who").replaceChildren("You are in as ", name, ` for another ${hours(visit.expires_in)}, by a cookie that no script can read.`);
  at("leave").hidden = visit.user === null;
  at("come").hidden = visit.user !== null;
  at("empty").hidden = visit.user !== null;
  at("gallery").replaceChildren();
  if (visit.user === null) return;
  const list = await ask("/api/gallery");
  if (!list.ok) return;
  for (const picture of JSON.parse(list.text)) {
    const image = new Image();
    image.src = picture.url;
    image.alt = `Poster of ${picture.title}`;
    at("gallery").append(image);
  }
  at("film").src = "/media/clip.webm";
  events = new EventSource("/api/events");
  events.addEventListener("progress", (event) => showJobs(JSON.parse(event.data)));
}

/** What starts a download, in so many bytes. */
function wish(url) {
  return { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify({ url }) };
}

at("download").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { ok, status, code, fields } = await ask("/api/downloads", wish(at("url").value));
  if (ok) tellLeft(fields);
  else at("left").textContent = `${status} ${code}: try again in ${fields.get("retry-after") ?? "a few"} seconds.`;
});

at("upload").addEventListener("submit", (event) => {
  event.preventDefault();
  ask("/api/upload", { method: "POST", body: at("file").files[0] }).catch((error) => say(`upload: ${error.message}`));
});

for (const button of document.querySelectorAll("[data-try]")) {
  button.addEventListener("click", async () => {
    const { try: path, range, send, credentials } = button.dataset;
    const options = send ? wish("x".repeat(send)) : range ? { headers: { range } } : {};
    if (credentials) options.credentials = credentials;
    const output = button.parentElement.querySelector("output");
    try {
      const answer = await ask(path, options);
      tell(output, answer);
      if (send && answer.ok) tellLeft(answer.fields);
    } catch (error) {
      output.className = "refused";
      output.textContent = error.message;
    }
  });
}

at("ws").addEventListener("click", () => {
  const scheme = location.protocol === "https:" ? "wss" : "ws";
  const socket = new WebSocket(`${scheme}://${location.host}/api/ws`);
  const state = at("socket");
  let heard = 0;
  state.className = "";
  state.textContent = "Opening …";
  socket.addEventListener("open", () => {
    state.className = "open";
    state.textContent = "Open";
    socket.send("hello");
  });
  socket.addEventListener("message", (event) => {
    heard += 1;
    state.textContent = `Open, ${heard} ${heard === 1 ? "message" : "messages"} from the app`;
    say(`WebSocket: ${String(event.data).slice(0, 200)}`);
  });
  socket.addEventListener("error", () => say("WebSocket: refused"));
  socket.addEventListener("close", () => {
    state.className = heard ? "passed" : "refused";
    state.textContent = heard ? `Closed after ${heard} messages` : "Refused, by the gateway";
  });
  setTimeout(() => socket.close(), 5000);
});

begin();
