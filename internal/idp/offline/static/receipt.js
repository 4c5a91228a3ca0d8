// The page that checks a receipt. All that is known about receipts is in the
// checker, which runs in a worker; here files go in and words come out. Nothing
// is sent anywhere: after loading, no address is asked again.
"use strict";
(() => {
  const byId = (id) => document.getElementById(id);
  const page = byId("receipt-page");
  const single = page.dataset.single === "yes";
  const maxReceipt = 8 << 20, maxTrust = 4 << 20, maxFiles = 64;
  let texts = {}, lang = document.documentElement.lang, module = null, worker = null;
  let trust = [], own = true, last = null, questions = new Map(), count = 0;

  const t = (id) => (texts[lang] || {})[id] || id;
  const known = (id) => (texts[lang] || {})[id];
  const show = (parent, kind, text, cls) => {
    const e = document.createElement(kind);
    e.textContent = text;
    if (cls) e.className = cls;
    parent.append(e);
    return e;
  };
  const say = (text, state) => {
    const s = byId("receipt-status");
    s.textContent = text;
    s.dataset.state = state || "";
  };

  // The worker, and a question to it with a limit of time.
  const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const unpack = async (base64) => {
    const stream = new Blob([bytes(base64)]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).arrayBuffer();
  };
  const start = async () => {
    const address = single
      ? URL.createObjectURL(new Blob([byId("receipt-worker").textContent], { type: "text/javascript" }))
      : "/receipt/worker.js";
    worker = new Worker(address);
    worker.onmessage = (event) => {
      const q = questions.get(event.data.id);
      questions.delete(event.data.id);
      if (!q) return;
      clearTimeout(q.timer);
      if (event.data.broken) q.fail(event.data.broken);
      else q.done(JSON.parse(event.data.answer));
    };
    worker.onerror = (event) => { event.preventDefault(); stop("receipt.error.stopped"); };
    await ask({ module });
  };
  const stop = (why) => {
    if (worker) worker.terminate();
    worker = null;
    for (const q of questions.values()) { clearTimeout(q.timer); q.fail(why); }
    questions = new Map();
  };
  const ask = (question) => new Promise((done, fail) => {
    const id = ++count;
    const timer = setTimeout(() => stop("receipt.error.slow"), Number(page.dataset.seconds) * 1000);
    questions.set(id, { done, fail, timer });
    worker.postMessage({ ...question, id });
  });

  const refusal = (e) => {
    const who = known("receipt.mender." + e.mender) || e.mender;
    return t("receipt.unreadable") + " " + e.check + ": " + e.cause + " (" + who + ")";
  };
  const facts = (list, rows) => {
    list.replaceChildren();
    for (const [label, value] of rows) {
      if (!value || value.length === 0) continue;
      show(list, "dt", label);
      const dd = document.createElement("dd");
      for (const v of Array.isArray(value) ? value : [value]) show(dd, "div", v);
      list.append(dd);
    }
  };

  const showTrust = (x) => {
    byId("receipt-trust-whose").textContent = t(own ? "receipt.trust.hub" : "receipt.trust.yours");
    facts(byId("receipt-trust-facts"), [
      [t("receipt.trust.fingerprint"), x.fingerprint], [t("receipt.trust.issuer"), x.issuer],
      [t("receipt.trust.origin"), x.origin], [t("receipt.trust.keys"), x.hub_keys],
      [t("receipt.trust.agencies"), x.agency_ca], [t("receipt.trust.officers"), String(x.officers)],
      [t("receipt.trust.logs"), x.logs], [t("receipt.trust.policy"), x.policy.trim().split("\n")],
      [t("receipt.trust.fabric"), x.fabric || t("receipt.trust.fabric.none")],
    ]);
  };
  const time = (at) => {
    const d = new Date(at);
    return isNaN(d) ? at : new Intl.DateTimeFormat(lang, { dateStyle: "long", timeStyle: "medium", timeZone: "Asia/Seoul" }).format(d) + (lang === "ko" ? "" : " Korean time");
  };
  const showOutcome = (o) => {
    const failed = o.checks.filter((c) => c.mark !== "ok").length;
    say(o.verdict + ". " + t(o.holds ? "receipt.verdict.holds" : o.verdict.startsWith("UNWITNESSED") ? "receipt.verdict.unwitnessed" : "receipt.verdict.not") +
      " " + t("receipt.verdict.count").replace("{n}", o.checks.length).replace("{f}", failed), o.holds ? "good" : "error");
    byId("receipt-claim").hidden = o.holds;
    facts(byId("receipt-facts"), [
      [t("receipt.verdict"), o.verdict], [t("receipt.state"), known("receipt.state." + o.state) || o.state], [t("receipt.id"), o.receipt_id],
      [t("receipt.digest"), o.digest], [t("receipt.paper.digest"), o.paper_digest], [t("receipt.against"), o.trust.fingerprint],
    ]);
    const checks = byId("receipt-checks"), events = byId("receipt-events"), terms = byId("receipt-terms");
    checks.replaceChildren();
    for (const c of o.checks) {
      const li = document.createElement("li");
      show(li, "strong", c.mark, c.mark === "ok" ? "ok" : "bad");
      li.append(" " + c.name + (c.detail ? ": " + c.detail : ""));
      checks.append(li);
    }
    events.replaceChildren();
    for (const e of o.events || []) {
      show(events, "li", (known("receipt.kind." + e.kind) || e.kind) + (e.use ? " (" + e.use + ")" : "") + ", " + time(e.at) +
        ", " + (known("receipt.by." + e.by) || e.by) + (e.reason ? ", " + e.reason : ""));
    }
    terms.replaceChildren();
    for (const x of o.terms || []) {
      show(terms, "h4", t("receipt.terms." + x.lang) + (x.shown ? " " + t("receipt.terms.signed") : ""));
      const text = show(terms, "pre", x.text, "terms");
      text.lang = x.lang;
    }
    byId("receipt-result").hidden = false;
  };

  const check = async () => {
    if (!last) return;
    byId("receipt-result").hidden = true;
    say(t("receipt.working"));
    try {
      if (!worker) await start();
      const a = await ask({ receipt: last, trust, paper: byId("receipt-paper").value.trim() });
      if (a.error) say(refusal(a.error), "error");
      else showOutcome(a.outcome);
    } catch (why) {
      say(known(why) || t("receipt.error.stopped") + " " + why, "error");
    }
  };
  const take = async (file) => {
    if (!file) return;
    last = null;
    byId("receipt-result").hidden = true;
    if (file.size > maxReceipt) {
      say(t("receipt.error.large"), "error");
      return;
    }
    last = new Uint8Array(await file.arrayBuffer());
    await check();
  };
  const takeTrust = async (files) => {
    if (files.length === 0) return;
    let total = 0;
    for (const f of files) total += f.file.size;
    if (files.length > maxFiles || total > maxTrust) {
      say(t("receipt.error.large"), "error");
      return;
    }
    const given = [];
    for (const f of files) given.push({ name: f.name, data: new Uint8Array(await f.file.arrayBuffer()) });
    try {
      if (!worker) await start();
      const a = await ask({ trust: given });
      if (a.error) {
        say(refusal(a.error), "error");
        return;
      }
      trust = given;
      own = false;
      showTrust(a.outcome);
      say(t("receipt.trust.taken"));
      await check();
    } catch (why) {
      say(known(why) || t("receipt.error.stopped") + " " + why, "error");
    }
  };

  // Files that are dropped, folders too, three deep at most.
  const walk = async (entry, path, depth, found) => {
    if (found.length > maxFiles || depth > 3) return;
    if (entry.isFile) {
      found.push({ name: path + entry.name, file: await new Promise((done, fail) => entry.file(done, fail)) });
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((done, fail) => reader.readEntries(done, fail));
      if (some.length === 0 || found.length > maxFiles) return;
      for (const e of some) await walk(e, path + entry.name + "/", depth + 1, found);
    }
  };
  const dropped = async (transfer) => {
    const found = [];
    const entries = [...transfer.items].map((i) => i.webkitGetAsEntry && i.webkitGetAsEntry()).filter(Boolean);
    for (const e of entries) await walk(e, "", 0, found);
    return found;
  };
  const zone = (id, on) => {
    const z = byId(id);
    z.addEventListener("dragover", (e) => { e.preventDefault(); z.dataset.over = "yes"; });
    z.addEventListener("dragleave", () => { delete z.dataset.over; });
    z.addEventListener("drop", async (e) => { e.preventDefault(); delete z.dataset.over; on(await dropped(e.dataTransfer)); });
  };

  const speak = (to) => {
    lang = to;
    document.documentElement.lang = to;
    document.title = t("receipt.title");
    for (const e of document.querySelectorAll("[data-t]")) e.textContent = t(e.dataset.t);
    const other = to === "ko" ? "en" : "ko";
    const b = document.createElement("button");
    b.type = "button";
    b.className = "button button-secondary";
    b.lang = other;
    b.textContent = texts[other]["receipt.switch"];
    b.addEventListener("click", async () => {
      speak(other);
      byId("receipt-switch").querySelector("button").focus();
      await trusted();
      await check();
    });
    byId("receipt-switch").replaceChildren(b);
  };
  const trusted = async () => {
    if (!worker) await start();
    const a = await ask({ trust });
    if (a.error) say(refusal(a.error), "error");
    else showTrust(a.outcome);
  };

  const load = async () => {
    let folder;
    if (single) {
      texts = JSON.parse(byId("receipt-texts").textContent);
      folder = JSON.parse(byId("receipt-trust").textContent);
      speak(lang);
      say(t("receipt.loading"));
      module = await WebAssembly.compile(await unpack(byId("receipt-wasm").textContent));
    } else {
      const answers = await Promise.all([fetch("/receipt/page.json"), fetch("/receipt/checker.wasm")]);
      if (!answers.every((a) => a.ok)) throw new Error(answers.map((a) => a.status).join(" "));
      ({ texts, trust: folder } = await answers[0].json());
      say(t("receipt.loading"));
      module = await WebAssembly.compile(await answers[1].arrayBuffer());
    }
    trust = Object.entries(folder).map(([name, base64]) => ({ name, data: bytes(base64) }));
    if (/^#[0-9]{1,6}\.[A-Za-z0-9_-]{43}$/.test(location.hash)) byId("receipt-paper").value = location.hash.slice(1);
    await start();
    await trusted();
    byId("receipt-file").addEventListener("change", (e) => take(e.target.files[0]));
    byId("receipt-trust-files").addEventListener("change", (e) => takeTrust([...e.target.files].map((file) => ({ name: file.webkitRelativePath || file.name, file }))));
    for (const id of ["receipt-file", "receipt-trust-files"]) byId(id).addEventListener("click", (e) => { e.target.value = ""; }); // the same file again counts too
    byId("receipt-paper").addEventListener("change", check);
    zone("receipt-drop", (found) => take(found[0] && found[0].file));
    zone("receipt-trust-drop", takeTrust);
    say(t("receipt.ready"));
    page.dataset.ready = "yes";
    if (byId("receipt-file").files.length > 0) await take(byId("receipt-file").files[0]); // chosen while loading
  };
  load().catch((error) => say((known("receipt.error.load") || "") + " " + error, "error"));
})();
