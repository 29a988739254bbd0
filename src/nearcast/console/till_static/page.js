const KEY = "nearcast-till-key";
const CODE = /\/v\/([^/?#]+)/;
const SAID = {
  voucher_redeemed: "Already redeemed",
  voucher_expired: "Expired",
  voucher_void: "Not valid",
  not_found: "No such voucher here",
  not_allowed: "This key may not redeem",
  unauthorized: "This key does not open the till",
};
const part = (id) => document.getElementById(id);
const [signIn, open, form, field, take, result, scan, view] = [
  "sign-in", "open", "redeem", "code", "take", "result", "scan", "view",
].map(part);
let camera = null;

function show() {
  const isOpen = sessionStorage.getItem(KEY) !== null;
  signIn.hidden = isOpen;
  open.hidden = !isOpen;
  (isOpen ? field : part("key")).focus();
}

function say(title, detail, isDone = false) {
  const strong = document.createElement("strong");
  strong.textContent = title;
  result.className = isDone ? "done" : "";
  result.replaceChildren(strong, detail);
}

function atTime(instant) {
  return new Date(instant).toLocaleString([], { dateStyle: "short", timeStyle: "short" });
}

function codeIn(text) {
  const found = CODE.exec(text);
  return (found ? found[1] : text).trim();
}

async function redeem(text) {
  take.disabled = true;
  result.replaceChildren();
  try {
    const answer = await fetch(`/v1/vouchers/${encodeURIComponent(codeIn(text))}/redeem`, {
      method: "POST",
      headers: { Authorization: `Bearer ${sessionStorage.getItem(KEY)}` },
      cache: "no-store",
    });
    const told = await answer.json();
    if (answer.ok) {
      say("Redeemed", `${told.title}${told.terms ? `. ${told.terms}` : ""}`, true);
    } else {
      say(SAID[told.code] ?? "Not redeemed", readable(told.detail ?? told.title));
    }
    if (answer.status === 401) {
      sessionStorage.removeItem(KEY);
      show();
    }
  } catch {
    say("Not redeemed", "The service cannot be reached. Try again.");
  }
  take.disabled = false;
  field.value = "";
  if (!open.hidden) field.focus();
}

function readable(detail) {
  return detail.replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, atTime);
}

async function look() {
  const detector = new BarcodeDetector({ formats: ["qr_code"] });
  camera = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  view.srcObject = camera;
  view.hidden = false;
  scan.textContent = "Stop the camera";
  await view.play();
  while (camera) {
    const [found] = await detector.detect(view).catch(() => []);
    if (found && camera) {
      stopCamera();
      await redeem(found.rawValue);
    }
    await new Promise((again) => setTimeout(again, 200));
  }
}

function stopCamera() {
  camera?.getTracks().forEach((track) => track.stop());
  camera = null;
  view.hidden = true;
  scan.textContent = "Scan with the camera";
}

signIn.addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, part("key").value.trim());
  part("key").value = "";
  result.replaceChildren();
  show();
});
form.addEventListener("submit", (event) => {
  event.preventDefault();
  redeem(field.value);
});
scan.addEventListener("click", () => {
  if (camera) stopCamera();
  else look().catch(() => { stopCamera(); say("No camera", "The camera cannot be used. Type the code."); });
});
part("close").addEventListener("click", () => {
  stopCamera();
  sessionStorage.removeItem(KEY);
  result.replaceChildren();
  show();
});
scan.hidden = !("BarcodeDetector" in window && navigator.mediaDevices);
show();
