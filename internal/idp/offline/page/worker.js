// The checker's worker: Go's loader stands in front of this text. It gets the
// compiled checker once, then questions, and answers each.
"use strict";
let started = null;
onmessage = async (event) => {
  const q = event.data;
  try {
    if (q.module) {
      const go = new Go();
      const instance = await WebAssembly.instantiate(q.module, go.importObject);
      go.run(instance);
      started = globalThis.mydataReceipt;
      postMessage({ id: q.id, answer: "{}" });
      return;
    }
    const answer = q.receipt ? started.check(q.receipt, q.trust, q.paper) : started.trust(q.trust);
    postMessage({ id: q.id, answer });
  } catch (error) {
    postMessage({ id: q.id, broken: String(error) });
  }
};
