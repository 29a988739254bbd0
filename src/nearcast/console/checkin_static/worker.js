// Keeps the page itself for when there is no network, and nothing else: never a position, never an answer.

const SHELL = "checkin-1";
const FILES = [
  "/checkin", "/checkin/page.js", "/checkin/outbox.js", "/checkin/watch.js", "/checkin/style.css",
  "/checkin/icon.svg", "/checkin/icon-192.png", "/checkin/app.webmanifest",
];

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(SHELL).then((cache) => cache.addAll(FILES)).then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(caches.keys().then((keys) => {
    const old = keys.filter((key) => key !== SHELL);
    return Promise.all(old.map((key) => caches.delete(key)));
  }));
});

self.addEventListener("fetch", (event) => {
  const { pathname } = new URL(event.request.url);
  if (event.request.method !== "GET" || !FILES.includes(pathname)) return;
  event.respondWith(fetch(event.request).catch(() => caches.match(pathname)));
});
