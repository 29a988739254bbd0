// The page: the token of its link, two buttons, and words for everything that can happen.

import { Outbox } from "/checkin/outbox.js";
import { Watch } from "/checkin/watch.js";

const TOKEN = "nearcast-device-token";
const NO_LINK = "This page works with the link that you were given. Open that link once more.";
const ENDED = "This link is not valid any more. It ends when you take back your consent, or when a new one is made.";
const STOPPED = "Stopped. Nothing more is sent.";
const AWAY = "The site does not answer. What you share waits here for up to five minutes.";
const REJECTED = {
  consent_location_missing: "You have not agreed yet that shops may know where you are, so nothing was kept. "
    + "Open the link that you were given once more, and agree there.",
  ping_from_future: "The clock of this phone is fast, so nothing was kept. Set it right, then go on.",
};
const PROBLEMS = {
  denied: "This page may not see where you are. Allow location for this site in the settings of your browser, "
    + "then press Share again.",
  unavailable: "Your phone does not know where it is. Is location switched on?",
  timeout: "Your phone takes long to find out where it is. It goes on trying.",
  missing: "This browser has no location, or only over a secure connection (https).",
};

const find = (id) => document.getElementById(id);
const [state, problem, share, stop, last] = ["state", "problem", "share", "stop", "last"].map(find);
const complaints = { place: "", network: "" };
let outbox = null, watch = null;

function tokenOfLink() {
  const [, said] = location.hash.match(/^#(?:token=)?([!-~]+)$/) ?? [];
  if (said) sessionStorage.setItem(TOKEN, said);
  if (location.hash) history.replaceState(null, "", location.pathname);
  return sessionStorage.getItem(TOKEN);
}

function say(text) {
  if (state.textContent !== text) state.textContent = text;
}

function complain(about, text) {
  complaints[about] = text;
  const said = complaints.place || complaints.network;
  problem.hidden = !said;
  if (problem.textContent !== said) problem.textContent = said;
}

function start() {
  const onAway = () => complain("network", AWAY);
  outbox = new Outbox(sessionStorage.getItem(TOKEN), { onSent: sent, onAway, onRefused: ended });
  watch = new Watch({ onFix: found, onProblem: trouble });
  complain("place", "");
  complain("network", "");
  show(true);
  say("Looking for your position …");
  watch.start();
}

function found(fix) {
  complain("place", "");
  outbox.add(fix);
}

function sent(fix, rejected) {
  const reason = Object.keys(REJECTED).find((reason) => reason in rejected);
  complain("network", reason ? REJECTED[reason] : "");
  if (reason) return;
  say("You are sharing your position.");
  const at = new Date(fix.recorded_at).toLocaleTimeString();
  last.textContent = `Last sent: your position of ${at}, exact to ${Math.round(fix.accuracy_m)} m.`;
}

function trouble(kind) {
  if (kind === "denied" || kind === "missing") halt("You are not sharing.");
  complain("place", PROBLEMS[kind]);
}

function ended() {
  sessionStorage.removeItem(TOKEN);
  halt("You are not sharing.");
  share.disabled = true;
  complain("place", ENDED);
}

function halt(text) {
  watch?.stop();
  outbox?.close();
  watch = outbox = null;
  complain("place", "");
  complain("network", "");
  show(false);
  say(text);
  last.textContent = "";
}

function show(isSharing) {
  share.hidden = isSharing;
  stop.hidden = !isSharing;
  if (document.activeElement === document.body || document.activeElement?.hidden) (isSharing ? stop : share).focus();
}

share.addEventListener("click", start);
stop.addEventListener("click", () => halt(STOPPED));
addEventListener("pagehide", () => watch && halt(STOPPED));
addEventListener("hashchange", ready);

function ready() {
  if (watch) halt(STOPPED);
  const hasToken = Boolean(tokenOfLink());
  share.disabled = !hasToken;
  say("You are not sharing.");
  complain("place", hasToken ? "" : NO_LINK);
}

ready();
navigator.serviceWorker?.register("/checkin/worker.js", { scope: "/checkin" }).catch(() => {});
