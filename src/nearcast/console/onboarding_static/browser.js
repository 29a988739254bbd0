// Subscribes this browser to offers, once its owner has pressed for it and the browser has asked them too.

const part = document.getElementById("browser");
const [on, off] = ["browser-on", "browser-off"].map((id) => document.getElementById(id));
const alert = part?.querySelector("[role=alert]");
const HERE = `${location.pathname}/browser`;

function complain(text) {
  alert.textContent = text;
  alert.hidden = false;
}

function bytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (each) => each.charCodeAt(0));
}

async function subscribe() {
  if (await Notification.requestPermission() !== "granted") return complain(part.dataset.refused);
  const worker = await navigator.serviceWorker.register("/onboarding/worker.js");
  await navigator.serviceWorker.ready.catch(() => {});
  const key = bytes(part.dataset.key);
  const subscription = await worker.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key });
  const answer = await fetch(HERE, { method: "POST", body: JSON.stringify(subscription) });
  if (!answer.ok) {
    await subscription.unsubscribe();
    throw new Error("not taken");
  }
  await (await caches.open("nearcast")).put("/onboarding/browser/renewal", answer);
  location.reload();
}

async function unsubscribe() {
  const answer = await fetch(HERE, { method: "DELETE" });
  if (!answer.ok) throw new Error("not taken");
  await caches.delete("nearcast");
  const worker = await navigator.serviceWorker.getRegistration("/onboarding/");
  const subscription = await worker?.pushManager.getSubscription();
  await subscription?.unsubscribe();
  location.reload();
}

function pressed(button, act) {
  button?.addEventListener("click", async () => {
    button.disabled = true;
    await act().catch(() => complain(part.dataset.failed));
    button.disabled = false;
  });
}

if (part && "serviceWorker" in navigator && "PushManager" in window) {
  part.hidden = false;
  pressed(on, subscribe);
  pressed(off, unsubscribe);
}
