const POLL_MS = 2000;
const list = document.getElementById("phones");
let shown = "";

function row(person) {
  const item = document.createElement("li"), link = document.createElement("a"), newest = document.createElement("p");
  link.href = `/phone/${person.number}`;
  link.textContent = `+${person.number}`;
  newest.textContent = person.bubbles.at(-1).text;
  item.append(link, newest);
  return item;
}

async function look() {
  const answer = await fetch("/_control/people");
  if (!answer.ok) return;
  const text = await answer.text();
  if (text === shown) return;
  shown = text;
  list.replaceChildren(...JSON.parse(text).filter((person) => person.bubbles.length).map(row));
}

look();
setInterval(look, POLL_MS);
