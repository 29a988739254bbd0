// The page: polls what changes, draws it, and sends where you are dropped.

import { Camera } from "/demo/camera.js";
import { CityMap } from "/demo/map.js";
import { Panel } from "/demo/panel.js";
import { People } from "/demo/people.js";
import { Plane } from "/demo/plane.js";
import { You } from "/demo/you.js";

const POLL_MS = 500, HIDDEN_MS = 3000, RETRY_MS = 1500, ANSWER_WITHIN_MS = 5000, SEEN_AT_ONCE_M = 760;
const HINT = "This is you. Drag the dot into a green fence.";
const TELLING = "Your phone tells where you are\u00a0…";

const find = (id) => document.getElementById(id);
const camera = new Camera(find("canvas"), () => drawn && redraw());
const ground = new CityMap(camera);
const people = new People(camera);
const you = new You(camera, { onMove: (point) => ground.nameNear(point), onDrop: drop });
const panel = new Panel(stop);
let drawn = false, plane = null, revision = null, cursor = 0, changedAt = 0, sending = 0;

function redraw() {
  people.resize();
  ground.nameNear(you.at);
  you.place();
}

async function ask(path, options = {}) {
  const response = await fetch(path, { ...options, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.status === 204 ? null : response.json();
}

async function send(path, body) {
  sending += 1;
  try {
    const headers = { "Content-Type": "application/json" };
    await ask(path, { method: "POST", headers, body: JSON.stringify(body) });
    online(true);
  } catch {
    online(false);
  } finally {
    sending -= 1;
    changedAt = performance.now();
  }
}

function drop(point) {
  const [lon, lat] = plane.toDegrees(point);
  say({ kind: "waiting", text: TELLING });
  send("/demo/you", { lat, lon });
}

function stop() {
  send("/demo/stop", {});
}

function say(answer, message = null) {
  panel.answer(answer.text);
  const isMessage = answer.kind === "message" && message !== null;
  if (you.isAtHome && !isMessage) you.say("", HINT, false);
  else you.say(isMessage ? message.shop : "", isMessage ? message.text : answer.text, isMessage);
}

async function drawCity() {
  const city = await ask("/demo/city");
  plane ??= new Plane(city.home);
  ground.draw(city, plane);
  revision = city.revision;
  if (drawn) return;
  panel.phone(city.phone_url);
  drawn = true;
  camera.fit(SEEN_AT_ONCE_M);
}

async function poll() {
  const askedAt = performance.now();
  const state = await ask(`/demo/state?after=${cursor}`);
  if (state.revision !== revision) await drawCity();
  if (state.cursor < cursor) panel.forget();
  cursor = state.cursor;
  panel.clock(state);
  panel.counts(state.counts);
  panel.verdicts(state.ticker);
  people.show(state.people, plane);
  ground.offer(state.running);
  for (const row of state.ticker) if (row.outcome === "send" && row.place) ground.pulse(row.place);
  if (sending || askedAt < changedAt || you.held) return; // this answer is older than what you did
  you.show(plane.toMetres([state.you.lon, state.you.lat]));
  panel.you(state.you);
  say(state.you.answer, state.you.message);
}

function online(isOnline) {
  find("offline").hidden = isOnline;
}

async function live() {
  let wait = POLL_MS;
  try {
    if (!drawn) await drawCity();
    await poll();
    online(true);
  } catch {
    online(false);
    wait = RETRY_MS;
  }
  setTimeout(live, document.hidden ? HIDDEN_MS : wait);
}

find("closer").addEventListener("click", () => camera.zoom(0.7));
find("farther").addEventListener("click", () => camera.zoom(1.4));
find("home").addEventListener("click", () => camera.lookAt(you.at));
live();
