"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const at = (id) => document.getElementById(id);
  const make = (name, text, kind) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };
  const tone = (word) => data.tones[word] || "plain";
  const PAGE = 100;
  const columns = data.columns;
  const rows = data.rows.map((row) => Object.fromEntries(columns.map((name, place) => [name, row[place]])));
  for (const row of rows) row.text = JSON.stringify([row.name, row.group, row.spoke, row.standing, row.facts, row.lines]).toLowerCase();
  const rank = Object.keys(data.tones);
  // As people count: team-9 before team-10.
  const order = new Intl.Collator("en", { numeric: true }).compare;
  const places = new Map(rank.map((word, place) => [word, place]));
  const place = (word) => places.get(word) ?? -1;
  rows.sort((a, b) => place(a.standing) - place(b.standing) || order(a.name, b.name));
  let shown = PAGE;

  const fill = (id, words) => {
    for (const word of words) at(id).append(new Option(word, word));
  };
  const distinct = (name) => [...new Set(rows.map((row) => row[name]).filter(Boolean))].sort(order);
  fill("standing", Object.keys(data.tones).filter((word) => rows.some((row) => row.standing === word)));
  const groups = distinct("group");
  const spokes = distinct("spoke");
  fill("group", groups);
  fill("spoke", spokes);

  const wanted = () => ({
    q: at("words").value.trim().toLowerCase(),
    standing: at("standing").value,
    group: at("group").value,
    spoke: at("spoke").value,
    changed: at("changed").value,
  });
  const matching = () => {
    const w = wanted();
    const words = w.q.split(/\s+/).filter(Boolean);
    return rows.filter((row) =>
      (!w.standing || row.standing === w.standing) && (!w.group || row.group === w.group) &&
      (!w.spoke || row.spoke === w.spoke) && (!w.changed || row.was !== null) && words.every((word) => row.text.includes(word)));
  };

  const card = (row) => {
    const made = make("article");
    made.id = "row-" + row.id;
    const details = make("details");
    const head = make("summary");
    head.append(make("span", row.standing, "tag " + tone(row.standing)), make("strong", row.name));
    if (row.was !== null) head.append(make("span", row.was ? "was " + row.was : "new", "tag warn"));
    if (row.health) head.append(make("span", row.health, "tag " + tone(row.health)));
    head.append(make("span", [row.group, row.spoke].filter(Boolean).join(" from "), "place"));
    if (row.lines.length && tone(row.standing) !== "good") head.append(make("span", row.lines[0], "why"));
    details.append(head);
    const inside = make("div", undefined, "inside");
    const list = make("dl");
    for (const [name, value] of row.facts) list.append(make("dt", name), make("dd", value));
    inside.append(list);
    if (row.lines.length) {
      const lines = make("ul");
      for (const line of row.lines) lines.append(make("li", line));
      inside.append(lines);
    }
    if (row.chain.length) {
      details.addEventListener("toggle", () => {
        if (inside.querySelector(".chain")) return;
        const picture = make("div", undefined, "chain");
        picture.tabIndex = 0;
        picture.setAttribute("role", "group");
        picture.setAttribute("aria-label", "Lineage of " + row.name);
        list.after(picture);
        const narrow = picture.clientWidth < 560;
        picture.classList.toggle("narrow", narrow);
        picture.append(narrow ? pictures.column(row.chain) : pictures.lineage(row.chain));
      });
    }
    const link = make("a", "Link to this");
    link.href = "#row-" + row.id;
    inside.append(link);
    details.append(inside);
    made.append(details);
    return made;
  };

  const render = () => {
    const found = matching();
    at("rows").replaceChildren(...found.slice(0, shown).map(card));
    at("count").textContent = found.length.toLocaleString("en") + " of " + rows.length.toLocaleString("en");
    at("none").hidden = found.length > 0;
    at("none").textContent = found.length ? "" : rows.length ? "Nothing here matches the filter: Clear shows everything again." : "There is nothing here.";
    at("more").hidden = found.length <= shown;
  };

  const matrix = () => {
    const cells = new Map();
    for (const row of rows) {
      if (!row.group) continue;
      const key = row.group + "\n" + row.spoke;
      const cell = cells.get(key) || { count: 0, sync: row.standing, health: {} };
      cell.count += 1;
      if (rank.indexOf(row.standing) < rank.indexOf(cell.sync)) cell.sync = row.standing;
      if (row.health) cell.health[row.health] = (cell.health[row.health] || 0) + 1;
      cells.set(key, cell);
    }
    const table = at("fleet");
    const head = make("thead");
    const top = make("tr");
    const corner = make("th", "Group");
    corner.scope = "col";
    top.append(corner);
    for (const spoke of spokes) {
      const cell = make("th", spoke);
      cell.scope = "col";
      top.append(cell);
    }
    head.append(top);
    const body = make("tbody");
    const first = new Map([...data.series].reverse().map((one) => [one[0], one]));
    for (const group of groups) {
      const line = make("tr");
      const name = make("th", group);
      name.scope = "row";
      if (first.has(group) && first.get(group)[2].length > 1) {
        const beside = make("div", undefined, "trend");
        beside.append(pictures.spark(...first.get(group), 90, 20));
        name.append(beside);
      }
      line.append(name);
      for (const spoke of spokes) {
        const place = make("td");
        const cell = cells.get(group + "\n" + spoke);
        if (cell) {
          const button = make("button", cell.sync + " · " + cell.count, tone(cell.sync));
          button.type = "button";
          button.dataset.group = group;
          button.dataset.spoke = spoke;
          place.append(button, make("span", Object.entries(cell.health).map(([word, count]) => count + " " + word).join(", "), "axis"));
        } else place.textContent = "–";
        line.append(place);
      }
      body.append(line);
    }
    table.replaceChildren(head, body);
    at("matrix").hidden = !groups.length;
    at("legend").textContent = groups.length
      ? "Each cell: how the worst of its entries stands and how many there are; below, what the hub says of them. Press one to filter."
      : "Nothing here belongs to a group.";
  };

  const figures = () => {
    const group = at("group").value;
    const some = group
      ? data.series.filter((one) => one[0] === group)
      : data.series.filter((one, place, all) => place < 2 || all[place - 2][0] !== one[0]).slice(0, 24);
    at("figures").hidden = !some.length;
    at("sparks").replaceChildren(...some.map(([name, metric, points]) => {
      const shown = make("figure");
      const words = make("figcaption", metric.split(":").pop().split(".").slice(-2).join(".") + " ");
      words.title = metric;
      words.append(make("span", name + ", now " + pictures.figure(points[points.length - 1][1])));
      shown.append(words, pictures.spark(name, metric, points));
      return shown;
    }));
  };

  let told = 20;
  const timeline = () => {
    const group = at("group").value;
    const some = data.moments.filter((one) => !group || one[1] === group);
    at("time").hidden = !some.length;
    if (!some.length) return;
    at("time-legend").textContent = "What Git asked for, and when the hub's versions were last changed; newest first, times in UTC." +
      (data.omitted ? " " + data.omitted + " older are left out." : "");
    at("line").replaceChildren(pictures.timeline(some));
    at("moments").replaceChildren(...some.slice(0, told).map(([time, name, about, before, after, who, by]) => {
      const item = make("li");
      const when = make("time", time);
      when.dateTime = time;
      const step = by === "the hub" ? after + " in the hub" : (before || "nothing") + " → " + (after || "gone");
      item.append(when, make("strong", about), " in " + name + ": " + step + (who ? ", by " + who : "") + (by === "the hub" ? "" : " (" + by + ")"));
      return item;
    }));
    at("older").hidden = some.length <= told;
  };
  const since = () => {
    if (!data.earlier) return;
    const changes = rows.filter((row) => row.was !== null).length, gone = data.earlier.gone;
    at("since").hidden = at("changed-only").hidden = false;
    at("since-count").textContent = changes + " otherwise or new, " + (gone.length + data.earlier.left) + " no longer there." +
      (data.earlier.left ? " The first " + gone.length + " of these:" : "");
    at("gone").replaceChildren(...gone.map((line) => make("li", line)));
  };

  const remember = () => {
    const words = new URLSearchParams(Object.entries(wanted()).filter(([, value]) => value)).toString();
    history.replaceState(null, "", words ? "#?" + words : "#");
  };
  const changed = () => {
    shown = PAGE;
    remember();
    render();
    figures();
    timeline();
    jumps();
  };
  const follow = () => {
    const hash = location.hash;
    if (hash.startsWith("#?")) {
      const words = new URLSearchParams(hash.slice(2));
      at("words").value = words.get("q") || "";
      for (const name of ["standing", "group", "spoke", "changed"]) at(name).value = words.get(name) || "";
    }
    const place = rows.findIndex((row) => "#row-" + row.id === hash);
    if (place >= 0) shown = Math.max(shown, place + 1);
    render();
    figures();
    timeline();
    const target = place >= 0 && at("row-" + rows[place].id);
    if (target) {
      target.querySelector("details").open = true;
      target.scrollIntoView({ behavior: "instant" });
    }
  };

  // What is jumped to must not end below the bar, which stays where it is and is as high as its fields need.
  const room = () => {
    const bar = at("filter"), stays = getComputedStyle(bar).position === "sticky";
    document.documentElement.style.scrollPaddingTop = (stays ? bar.offsetHeight + 8 : 8) + "px";
  };
  const jumps = () => {
    const parts = [...document.querySelectorAll("main section")].filter((part) => !part.hidden);
    at("jump").replaceChildren(...parts.map((part) => {
      const title = at(part.getAttribute("aria-labelledby"));
      const button = make("button", title.firstChild.textContent.trim());
      button.type = "button";
      button.addEventListener("click", () => title.scrollIntoView());
      return button;
    }));
  };

  let waiting;
  at("words").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(changed, 80);
  });
  for (const name of ["standing", "group", "spoke", "changed"]) at(name).addEventListener("change", changed);
  at("filter").addEventListener("submit", (event) => event.preventDefault());
  at("filter").addEventListener("reset", () => setTimeout(changed));
  at("more").addEventListener("click", () => {
    shown += PAGE;
    render();
  });
  at("fleet").addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    at("group").value = button.dataset.group;
    at("spoke").value = button.dataset.spoke;
    changed();
    at("rows-title").scrollIntoView();
  });
  at("older").addEventListener("click", () => {
    told += 100;
    timeline();
  });
  window.addEventListener("hashchange", follow);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !["INPUT", "SELECT", "TEXTAREA"].includes(document.activeElement.tagName)) {
      event.preventDefault();
      at("words").focus();
    }
  });
  window.addEventListener("resize", room);
  since();
  matrix();
  room();
  follow();
  jumps();
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
})();
