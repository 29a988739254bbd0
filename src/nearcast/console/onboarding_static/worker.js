// Shows the offers that are pushed to this browser, for as long as they count. It keeps nothing but what its page was
// given to tell us another subscription with.

const STOP = { en: "No more offers", de: "Keine Angebote mehr" };
const ours = (address) => new URL(new URL(address).pathname, self.location.origin);
const RENEWAL = "/onboarding/browser/renewal";
const isOver = (said) => !said || said.expires_at_ms <= Date.now();

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

self.addEventListener("push", (event) => event.waitUntil(show(event.data)));
self.addEventListener("pushsubscriptionchange", (event) => event.waitUntil(renewed(event.newSubscription)));
self.addEventListener("notificationclick", (event) => event.waitUntil(clicked(event)));

async function show(data) {
  const shown = await self.registration.getNotifications();
  shown.filter((each) => isOver(each.data)).forEach((each) => each.close());
  const said = data?.json();
  if (isOver(said)) return;
  const stop = STOP[navigator.language.slice(0, 2)] ?? STOP.en;
  await self.registration.showNotification(said.title ?? said.body, {
    body: said.title ? said.body : "",
    tag: said.topic ?? said.id,
    renotify: true,
    data: said,
    actions: said.opt_out_url ? [{ action: "stop", title: stop }] : [],
  });
}

async function clicked(event) {
  const said = event.notification.data;
  event.notification.close();
  if (event.action === "stop") await fetch(ours(said.opt_out_url), { method: "POST" });
  else if (said.url && !isOver(said)) await self.clients.openWindow(said.url);
}

async function renewed(given) {
  const kept = await caches.open("nearcast");
  const said = await (await kept.match(RENEWAL))?.json();
  if (!said) return;
  const how = { userVisibleOnly: true, applicationServerKey: said.key };
  const subscription = given ?? await self.registration.pushManager.subscribe(how);
  const answer = await fetch(RENEWAL, { method: "POST", body: JSON.stringify({ token: said.token, subscription }) });
  if (answer.ok) return kept.put(RENEWAL, answer);
  if (answer.status === 404) await Promise.all([subscription.unsubscribe(), kept.delete(RENEWAL)]);
}
