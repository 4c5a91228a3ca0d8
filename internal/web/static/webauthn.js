// Serves forms marked data-webauthn: asks the server for options, the passkey
// for an answer, and posts the answer. See doc.go of the package web.
(() => {
  "use strict";

  const texts = document.getElementById("webauthn-texts")?.dataset ?? {};

  const decode = (s) =>
    Uint8Array.from(atob(s.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0)).buffer;
  const encode = (b) =>
    btoa(String.fromCharCode(...new Uint8Array(b))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

  // The JSON forms of Web Authentication Level 3, for browsers without
  // parseCreationOptionsFromJSON, parseRequestOptionsFromJSON and toJSON.
  const descriptors = (list) => (list ?? []).map((d) => ({ ...d, id: decode(d.id) }));
  const requestOptions = (o) =>
    PublicKeyCredential.parseRequestOptionsFromJSON?.(o) ??
    { ...o, challenge: decode(o.challenge), allowCredentials: descriptors(o.allowCredentials) };
  const creationOptions = (o) =>
    PublicKeyCredential.parseCreationOptionsFromJSON?.(o) ??
    {
      ...o,
      challenge: decode(o.challenge),
      user: { ...o.user, id: decode(o.user.id) },
      excludeCredentials: descriptors(o.excludeCredentials),
    };
  const credentialJSON = (c) => {
    if (typeof c.toJSON === "function") return c.toJSON();
    const r = c.response;
    const response = { clientDataJSON: encode(r.clientDataJSON) };
    if (r.attestationObject) {
      response.attestationObject = encode(r.attestationObject);
      response.transports = r.getTransports?.() ?? [];
    } else {
      response.authenticatorData = encode(r.authenticatorData);
      response.signature = encode(r.signature);
      if (r.userHandle) response.userHandle = encode(r.userHandle);
    }
    return {
      id: c.id,
      rawId: encode(c.rawId),
      type: c.type,
      authenticatorAttachment: c.authenticatorAttachment ?? undefined,
      clientExtensionResults: {},
      response,
    };
  };

  // A refusal of the server, with the sentence it gave for the reader, and its status.
  class Refusal extends Error {
    constructor(text, status) {
      super(text);
      this.status = status;
    }
  }

  const post = async (url, body) => {
    let answer;
    try {
      answer = await fetch(url, {
        method: "POST",
        credentials: "same-origin",
        headers: { "Content-Type": "application/json", Accept: "application/json" },
        body: JSON.stringify(body),
      });
    } catch {
      throw new Refusal(texts.network);
    }
    const value = await answer.json().catch(() => ({}));
    if (!answer.ok) {
      const id = value.correlation_id ? ` ${texts.reference} ${value.correlation_id}` : "";
      throw new Refusal((value.message || texts.failed) + id, answer.status);
    }
    return value;
  };

  const fields = (form) => {
    const out = {};
    for (const box of form.querySelectorAll("input[type=checkbox][name]")) out[box.name] = [];
    for (const [name, value] of new FormData(form)) {
      if (Array.isArray(out[name])) out[name].push(value);
      else out[name] = value;
    }
    return out;
  };

  const sentence = (e) => {
    if (e instanceof Refusal) return e.message;
    switch (e?.name) {
      case "NotAllowedError":
      case "AbortError":
        return texts.cancelled;
      case "InvalidStateError":
        return texts.exists;
      case "NotSupportedError":
      case "SecurityError":
        return texts.unsupported;
    }
    return texts.failed;
  };

  const serve = (form, nth) => {
    let status = form.querySelector("[data-webauthn-status]");
    if (!status) {
      status = document.createElement("p");
      status.className = "status";
      status.setAttribute("role", "status");
      form.append(status);
    }
    status.id ||= "webauthn-status-" + nth;
    status.tabIndex = -1;
    const field = form.querySelector("input[type=text][required]");
    const say = (text, state) => {
      status.textContent = text;
      status.dataset.state = state;
    };
    // What failed is where the reader is led: to the field that was refused, which
    // names the reason, or else to the reason.
    const complain = (e) => {
      say(sentence(e), "error");
      if (e.status === 401) {
        const link = document.createElement("a");
        link.className = "alone";
        link.href = location.pathname; // asks for a login first, and is there again after it
        link.textContent = texts.login;
        status.append(" ", link);
      }
      if (!field || e.status !== 400) return status.focus();
      field.setAttribute("aria-invalid", "true");
      field.setAttribute("aria-describedby", [described, status.id].join(" ").trim());
      field.focus();
    };
    const described = field?.getAttribute("aria-describedby") ?? "";
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (form.getAttribute("aria-busy") === "true") return;
      if (!window.PublicKeyCredential) return complain({ name: "NotSupportedError" });
      form.setAttribute("aria-busy", "true");
      field?.removeAttribute("aria-invalid");
      say(texts.working, "busy");
      try {
        const options = await post(form.dataset.optionsUrl, fields(form));
        const publicKey = options.publicKey ?? options;
        say(texts.waiting, "busy");
        const credential =
          form.dataset.webauthn === "create"
            ? await navigator.credentials.create({ publicKey: creationOptions(publicKey) })
            : await navigator.credentials.get({ publicKey: requestOptions(publicKey) });
        const { next } = await post(form.dataset.finishUrl, { credential: credentialJSON(credential) });
        say(texts.done, "done");
        window.location.assign(next);
      } catch (e) {
        complain(e);
      } finally {
        form.removeAttribute("aria-busy");
      }
    });
  };

  document.querySelectorAll("form[data-webauthn]").forEach(serve);
})();
