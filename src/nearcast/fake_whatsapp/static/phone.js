const number = location.pathname.split("/")[2] ?? "";
const POLL_MS = 500;
const byId = (id) => document.getElementById(id);
let shown = "";

async function act(said) {
  const answer = await fetch(`/_control/people/${number}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(said),
  });
  await look();
  return answer.ok;
}

function made(name, text, className) {
  const element = document.createElement(name);
  element.textContent = text;
  if (className) element.className = className;
  return element;
}

function drawnButton(bubble, button, n) {
  if (button.url) {
    const link = made("a", button.title, "tap");
    link.href = button.url;
    link.rel = "noreferrer";
    return link;
  }
  const tap = made("button", button.title, "tap");
  tap.type = "button";
  tap.title = button.about ?? "";
  if (button.title === "Send location") tap.addEventListener("click", () => sendPin(bubble.id));
  else if (button.tap) tap.addEventListener("click", () => act({ tap: { message: bubble.id, button: n } }));
  else tap.disabled = true;
  return tap;
}

function drawn(bubble) {
  const item = made("li", "", bubble.from);
  item.append(made("p", bubble.text));
  item.append(made("time", bubble.at));
  bubble.buttons.forEach((button, n) => item.append(drawnButton(bubble, button, n)));
  return item;
}

async function look() {
  const answer = await fetch(`/phone/${number}/bubbles`);
  if (!answer.ok) return;
  const text = await answer.text();
  if (text === shown) return;
  shown = text;
  const person = JSON.parse(text);
  byId("name").textContent = person.name;
  byId("number").textContent = `+${person.number}`;
  byId("wants").checked = person.wants_marketing;
  byId("bubbles").replaceChildren(...person.bubbles.map(drawn));
  byId("bubbles").lastElementChild?.scrollIntoView({ block: "end" });
}

function sendPin(answers) {
  const said = prompt("Where are you? Latitude, longitude", "52.52, 13.405");
  const [lat, lon] = (said ?? "").split(",").map(Number);
  if (Number.isFinite(lat) && Number.isFinite(lon)) act({ pin: { lat, lon, answers } });
}

byId("say").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = byId("text").value.trim();
  if (text && (await act({ say: text }))) byId("text").value = "";
});
byId("pin").addEventListener("click", () => sendPin(null));
byId("stop").addEventListener("click", () => act({ say: "STOP" }));
byId("wants").addEventListener("change", (event) => act({ prefer: event.target.checked }));
look();
setInterval(look, POLL_MS);
