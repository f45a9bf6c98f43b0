"use strict";
/* The 3D view: one WebGL context, which 3Dmol.js draws with, serves all cells; each picture is copied into the canvas of its
   cell. Without WebGL, discs are drawn from the farthest to the nearest. */
(() => {
  const FIELD = (20 * Math.PI) / 180; // angle of view, that of 3Dmol.js
  const CAMERA = 150; // its camera's place on the z axis
  const BUDGET = 24; // milliseconds of drawing in a frame, so that the page answers

  // quaternions [x, y, z, w]
  const times = ([a, b, c, d], [e, f, g, h]) => [
    d * e + a * h + b * g - c * f,
    d * f - a * g + b * h + c * e,
    d * g + a * f - b * e + c * h,
    d * h - a * e - b * f - c * g,
  ];
  const around = (x, y, z, angle) => {
    const s = Math.sin(angle / 2);
    return [x * s, y * s, z * s, Math.cos(angle / 2)];
  };
  const turned = (q, [x, y, z]) => times(times(q, [x, y, z, 0]), [-q[0], -q[1], -q[2], q[3]]);

  /* Where atoms are on a square picture with sides of `side` pixels: x, y, radius and depth of each. */
  function projected(cell, side, radii) {
    const distance = cell.distance;
    return cell.data.at.map((place, i) => {
      const [x, y, z] = turned(cell.turn, place);
      const scale = side / 2 / Math.tan(FIELD / 2) / (distance - z);
      return { i, x: side / 2 + x * scale, y: side / 2 - y * scale, r: radii[i] * scale, z };
    });
  }

  /* The one WebGL context. */
  class Studio {
    constructor() {
      this.place = document.createElement("div");
      this.place.className = "clusters-studio";
      this.place.setAttribute("aria-hidden", "true");
      document.body.append(this.place);
      this.side = 0;
      this.shown = null;
      this.resize(240);
      this.viewer = $3Dmol.createViewer(this.place, { backgroundColor: "white", nomouse: true, antialias: true });
      this.viewer.setViewStyle({ style: "outline", color: "#333333", width: 0.03, maxpixels: 1 });
    }
    get lost() {
      return Boolean(this.viewer.renderer?.isLost?.());
    }
    resize(side) {
      if (side === this.side) return;
      this.side = side;
      this.place.style.width = this.place.style.height = `${side}px`;
      if (this.viewer) this.viewer.resize();
    }
    picture(cell, side, sticks) {
      this.resize(side);
      const view = [0, 0, 0, CAMERA - cell.distance, ...cell.turn];
      const key = `${cell.key} ${sticks}`;
      if (this.shown !== key) {
        this.viewer.removeAllModels();
        this.viewer.setView(view);
        this.viewer.setSlab(-1.6 * cell.size, 1.6 * cell.size);
        this.fill(cell, sticks);
        this.viewer.render();
        this.shown = key;
      } else {
        this.viewer.setView(view);
      }
      return this.viewer.getCanvas();
    }
    fill(cell, sticks) {
      const { symbols, at, radii, bonds } = cell.data;
      const atoms = symbols.map((elem, i) => ({
        elem, serial: i, x: at[i][0], y: at[i][1], z: at[i][2], bonds: [], bondOrder: [], properties: { radius: radii[i] },
        color: parseInt(cell.kinds[elem].slice(1), 16),
      }));
      for (const [i, j] of sticks ? bonds : []) {
        atoms[i].bonds.push(j);
        atoms[i].bondOrder.push(1);
        atoms[j].bonds.push(i);
        atoms[j].bondOrder.push(1);
      }
      const model = this.viewer.addModel();
      model.addAtoms(atoms);
      for (const elem of new Set(symbols)) {
        const radius = radii[symbols.indexOf(elem)];
        const style = { sphere: { radius: radius * (sticks ? cell.ball : 1) } };
        if (sticks) style.stick = { radius: cell.stick * mean(radii), color: "#999999" };
        model.setStyle({ elem }, style);
      }
    }
  }
  const mean = (numbers) => numbers.reduce((a, b) => a + b, 0) / numbers.length;

  let studio; // null where there is no WebGL
  function theStudio() {
    if (studio?.lost) {
      studio.place.remove();
      studio = undefined;
    }
    if (studio === undefined) {
      try {
        const probe = document.createElement("canvas").getContext("webgl2");
        if (probe) probe.getExtension("WEBGL_lose_context")?.loseContext();
        studio = probe ? new Studio() : null;
      } catch {
        studio = null;
      }
    }
    return studio;
  }

  /* The picture in a brighter light from all sides than that of 3Dmol.js. */
  function drawCopy(pen, picture, pixels) {
    pen.drawImage(picture, 0, 0, pixels, pixels);
    pen.globalCompositeOperation = "screen";
    pen.fillStyle = "#262626";
    pen.fillRect(0, 0, pixels, pixels);
    pen.globalCompositeOperation = "source-over";
  }

  /* Atoms, and the bonds between them, the farthest first. */
  function drawDiscs(pen, cell, atoms, sticks) {
    const lines = (sticks ? cell.data.bonds : []).map(([i, j]) => {
      const [a, b] = [atoms[i], atoms[j]];
      return { z: Math.min(a.z, b.z), draw: () => drawLine(pen, a, b, cell.stick / cell.ball) };
    });
    const discs = atoms.map((one) => ({ z: one.z, draw: () => drawDisc(pen, one, cell.kinds[cell.data.symbols[one.i]]) }));
    for (const { draw } of [...discs, ...lines].sort((a, b) => a.z - b.z)) draw();
  }

  function drawDisc(pen, { x, y, r }, colour) {
    const shade = pen.createRadialGradient(x - r / 3, y - r / 3, r / 10, x, y, r);
    shade.addColorStop(0, "#ffffff");
    shade.addColorStop(0.35, colour);
    shade.addColorStop(1, "#333333");
    pen.fillStyle = shade;
    pen.beginPath();
    pen.arc(x, y, r, 0, 2 * Math.PI);
    pen.fill();
  }

  function drawLine(pen, a, b, part) {
    pen.strokeStyle = "#888888";
    pen.lineWidth = part * (a.r + b.r);
    pen.beginPath();
    pen.moveTo(a.x, a.y);
    pen.lineTo(b.x, b.y);
    pen.stroke();
  }

  /* Labels of the atoms that no other one hides. */
  function drawLabels(pen, cell, atoms) {
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    pen.lineJoin = "round";
    for (const one of atoms) {
      const hidden = atoms.some((b) => b.z > one.z && Math.hypot(b.x - one.x, b.y - one.y) < b.r);
      if (hidden) continue;
      const symbol = cell.data.symbols[one.i];
      const text = symbol === "X" ? `${one.i}` : `${symbol}${one.i}`;
      pen.font = `600 ${Math.max(9 * cell.density, Math.min(one.r * 0.75, 16 * cell.density))}px sans-serif`;
      pen.strokeStyle = "rgba(255,255,255,0.85)";
      pen.lineWidth = 3 * cell.density;
      pen.strokeText(text, one.x, one.y);
      pen.fillStyle = "#111111";
      pen.fillText(text, one.x, one.y);
    }
  }

  /* A structure, its canvas, and how it is turned. */
  class Cell {
    constructor(view, data, figure, key) {
      Object.assign(this, { view, data, key, kinds: view.data.kinds, ball: view.data.ball, stick: view.data.stick });
      this.canvas = figure.querySelector("canvas");
      this.size = data.size;
      this.reset();
      this.listen();
      const save = figure.querySelector(".clusters-save");
      save.hidden = false;
      save.addEventListener("click", () => this.save());
    }
    reset() {
      this.turn = [0, 0, 0, 1];
      this.zoom = 1;
    }
    get distance() {
      return (1.04 * this.size) / Math.sin(FIELD / 2) / this.zoom;
    }
    draw() {
      const side = this.canvas.clientWidth;
      if (!side) return;
      this.density = Math.min(window.devicePixelRatio || 1, 2);
      const pixels = Math.round(side * this.density);
      if (this.canvas.width !== pixels) this.canvas.width = this.canvas.height = pixels;
      const pen = this.canvas.getContext("2d");
      pen.clearRect(0, 0, pixels, pixels);
      const { labels } = this.view.state;
      const sticks = this.view.state.sticks ?? this.data.sticks;
      const radii = this.data.radii.map((radius) => radius * (sticks ? this.ball : 1));
      const atoms = labels || !theStudio() ? projected(this, pixels, radii) : [];
      if (theStudio()) drawCopy(pen, theStudio().picture(this, side, sticks), pixels);
      else drawDiscs(pen, this, atoms, sticks);
      if (labels) drawLabels(pen, this, atoms);
      this.canvas.dataset.drawn = theStudio() ? "webgl" : "discs";
    }
    listen() {
      let last = null;
      this.canvas.addEventListener("pointerdown", (event) => {
        last = event;
        this.canvas.setPointerCapture(event.pointerId);
      });
      this.canvas.addEventListener("pointermove", (event) => {
        if (!last) return;
        const [dx, dy] = [event.clientX - last.clientX, event.clientY - last.clientY];
        last = event;
        const length = Math.hypot(dx, dy);
        if (length) this.view.rotate(this, around(dy / length, dx / length, 0, (3 * length) / this.canvas.clientWidth));
      });
      for (const end of ["pointerup", "pointercancel"]) this.canvas.addEventListener(end, () => (last = null));
      this.canvas.addEventListener("wheel", (event) => this.scroll(event), { passive: false });
      this.canvas.addEventListener("keydown", (event) => this.press(event));
    }
    scroll(event) {
      if (document.activeElement !== this.canvas) return; // the page scrolls
      event.preventDefault();
      this.view.magnify(this, Math.exp(-event.deltaY / 500));
    }
    press(event) {
      if (event.ctrlKey || event.altKey || event.metaKey) return;
      const step = Math.PI / 18;
      const keys = {
        ArrowLeft: () => this.view.rotate(this, around(0, 1, 0, -step)),
        ArrowRight: () => this.view.rotate(this, around(0, 1, 0, step)),
        ArrowUp: () => this.view.rotate(this, around(1, 0, 0, -step)),
        ArrowDown: () => this.view.rotate(this, around(1, 0, 0, step)),
        "+": () => this.view.magnify(this, 1.15),
        "=": () => this.view.magnify(this, 1.15),
        "-": () => this.view.magnify(this, 1 / 1.15),
        0: () => this.view.back(),
      };
      if (!keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    }
    save() {
      const { symbols, at, title } = this.data;
      const lines = symbols.map((symbol, i) => [symbol, ...at[i].map((number) => number.toFixed(4))].join(" "));
      const text = `${symbols.length}\n${title.replace(/[\r\n]+/g, " ")}\n${lines.join("\n")}\n`;
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type: "chemical/x-xyz" }));
      link.download = `${title.replace(/[^A-Za-z0-9]+/g, "-").replace(/^-+|-+$/g, "") || "structure"}.xyz`;
      link.click();
      URL.revokeObjectURL(link.href);
    }
  }

  /* All structures of one part of the page. */
  class View {
    constructor(element, number) {
      this.data = JSON.parse(element.querySelector('script[type="application/json"]').textContent);
      const sticks = this.data.cells.map((cell) => cell.sticks);
      const mixed = new Set(sticks).size > 1;
      this.state = { labels: false, sticks: mixed ? null : sticks[0], together: true }; // null: as suits each structure
      this.waiting = new Set();
      this.visible = new Set();
      const figures = [...element.querySelectorAll(".clusters-cell")].filter((one) => one.querySelector("canvas"));
      this.cells = this.data.cells.map((data, i) => new Cell(this, data, figures[i], `${number}.${i}`));
      this.scale();
      this.watch();
      this.tools(element.querySelector(".clusters-tools"));
      window.addEventListener("beforeprint", () => this.cells.forEach((cell) => cell.draw()));
    }
    /* Structures of one composition are drawn to one scale. */
    scale() {
      const key = (cell) => [...cell.data.symbols].sort().join();
      const sizes = new Map();
      for (const cell of this.cells) sizes.set(key(cell), Math.max(sizes.get(key(cell)) || 0, cell.data.size));
      for (const cell of this.cells) cell.size = sizes.get(key(cell));
    }
    watch() {
      const of = new Map(this.cells.map((cell) => [cell.canvas, cell]));
      const seen = new IntersectionObserver((entries) => {
        for (const { target, isIntersecting } of entries) {
          if (isIntersecting) this.visible.add(of.get(target));
          else this.visible.delete(of.get(target));
        }
        this.ask([]);
      }, { rootMargin: "200px" });
      const sized = new ResizeObserver((entries) => this.ask(entries.map((entry) => of.get(entry.target))));
      for (const cell of this.cells) {
        seen.observe(cell.canvas);
        sized.observe(cell.canvas);
      }
    }
    tools(bar) {
      bar.hidden = !this.cells.length;
      for (const button of bar.querySelectorAll("button")) {
        const name = button.dataset.does;
        if (name in this.state) button.setAttribute("aria-pressed", this.state[name] ?? "mixed");
        button.addEventListener("click", () => {
          if (name === "back") return this.back();
          this.state[name] = !this.state[name];
          button.setAttribute("aria-pressed", this.state[name]);
          if (name === "together" && this.state.together) return this.back();
          this.ask(this.cells);
        });
      }
    }
    moved(cell, change) {
      const all = this.state.together ? [cell, ...this.cells.filter((other) => other !== cell)] : [cell];
      all.forEach(change);
      this.ask(all);
    }
    rotate(cell, by) {
      this.moved(cell, (one) => (one.turn = times(by, one.turn)));
    }
    magnify(cell, by) {
      this.moved(cell, (one) => (one.zoom = Math.min(8, Math.max(0.4, one.zoom * by))));
    }
    back() {
      this.cells.forEach((cell) => cell.reset());
      this.ask(this.cells);
    }
    /* Draws cells as soon as they are in sight: that at hand first, the others in turn. */
    ask(cells) {
      this.first = cells[0] || this.first;
      cells.forEach((cell) => this.waiting.add(cell));
      if (this.frame || ![...this.waiting].some((cell) => this.visible.has(cell))) return;
      this.frame = requestAnimationFrame(() => this.flush());
    }
    flush() {
      this.frame = 0;
      const end = performance.now() + BUDGET;
      const order = [...new Set([this.first, ...this.waiting])].filter((one) => this.waiting.has(one));
      for (const cell of order.filter((one) => this.visible.has(one))) {
        this.waiting.delete(cell);
        cell.draw();
        if (performance.now() > end && cell !== this.first) break;
      }
      this.ask([]);
    }
  }

  document.querySelectorAll(".clusters").forEach((element, number) => new View(element, number));
})();
