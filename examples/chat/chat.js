// The page of the chat room. All that comes from others is shown with textContent, so that markup stays text.
"use strict";

const byId = (id) => document.getElementById(id);
const shortestPause = 500; // milliseconds
const longestPause = 10000;
const mostShown = 500; // messages

let socket = null;
let me = null; // {name, room} from the moment of joining to that of leaving
let users = new Set();
let seen = { born: 0, number: 0 }; // of the room, and its last message that is shown
let pause = shortestPause;
let timer = 0;

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function append(item) {
  const log = byId("log");
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 80;
  log.append(item);
  while (log.children.length > mostShown) log.firstChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
}

const notice = (text) => append(element("li", "notice", text));

function show(message) {
  if (message.number <= seen.number) return;
  seen.number = message.number;
  const item = element("li", message.from === me.name ? "message mine" : "message");
  const head = element("div");
  const when = new Date(message.at);
  const time = element("time", "", when.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }));
  time.dateTime = when.toISOString();
  head.append(element("b", "", message.from), time);
  item.append(head, element("p", "", message.text));
  append(item);
}

function showUsers() {
  const sorted = [...users].sort((a, b) => a.localeCompare(b));
  byId("users").replaceChildren(...sorted.map((name) => {
    const item = element("li", "", name);
    item.dataset.letter = [...name][0].toUpperCase();
    return item;
  }));
  byId("count").textContent = String(users.size);
}

function setStatus(state, text) {
  byId("status").dataset.state = state;
  byId("status").textContent = text;
  byId("say").querySelector("button").disabled = state !== "on";
}

const on = {
  welcome(message) {
    const back = seen.born !== 0;
    if (message.born !== seen.born) seen = { born: message.born, number: 0 };
    pause = shortestPause;
    users = new Set(message.users);
    byId("entrance").hidden = true;
    byId("chat").hidden = false;
    byId("title").textContent = me.room;
    document.title = "#" + me.room + " - greenrt chat";
    showUsers();
    setStatus("on", "connected");
    message.history.forEach(show);
    notice(back ? "You are back." : "You came in.");
    byId("text").focus();
  },
  said: show,
  joined(message) {
    users.add(message.name);
    showUsers();
    notice(message.name + " came in.");
  },
  left(message) {
    users.delete(message.name);
    showUsers();
    notice(message.name + " left.");
  },
};

function connect() {
  const scheme = location.protocol === "https:" ? "wss://" : "ws://";
  const mine = new WebSocket(scheme + location.host + "/chat");
  socket = mine;
  mine.onopen = () => mine.send(JSON.stringify({ name: me.name, room: me.room }));
  mine.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if (socket === mine && Object.hasOwn(on, message.type)) on[message.type](message);
  };
  mine.onclose = (event) => {
    if (socket !== mine) return;
    socket = null;
    if (seen.born === 0) return goOut(event.reason || "the server cannot be reached");
    setStatus("off", (event.reason || "connection lost") + ", trying again");
    timer = setTimeout(connect, pause);
    pause = Math.min(pause * 2, longestPause);
  };
}

function goOut(why) {
  clearTimeout(timer);
  const old = socket;
  socket = null;
  me = null;
  if (old) old.close(1000);
  byId("chat").hidden = true;
  byId("entrance").hidden = false;
  byId("refusal").hidden = !why;
  byId("refusal").textContent = why;
  byId("log").replaceChildren();
  document.title = "greenrt chat";
  byId("name").focus();
}

byId("join").addEventListener("submit", (event) => {
  event.preventDefault();
  const name = byId("name").value.trim();
  const room = byId("room").value.trim();
  if (!name || !room || socket) return;
  me = { name, room };
  seen = { born: 0, number: 0 };
  byId("refusal").hidden = true;
  connect();
});

byId("say").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = byId("text").value.trim();
  if (!text || !socket || socket.readyState !== WebSocket.OPEN) return;
  socket.send(JSON.stringify({ text }));
  byId("text").value = "";
  byId("text").focus();
});

byId("leave").addEventListener("click", () => goOut(""));
