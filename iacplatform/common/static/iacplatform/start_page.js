/* Keeps the start page fresh without reloading it: what is typed into the search box stays. */
"use strict";
(() => {
    const SECONDS = 15;
    const overview = () => document.getElementById("overview");

    async function refresh() {
        if (document.hidden || !overview()) return;
        try {
            const answer = await fetch(location.href, { credentials: "same-origin", redirect: "error" });
            const page = new DOMParser().parseFromString(await answer.text(), "text/html");
            const fresh = page.getElementById("overview");
            if (!answer.ok || !fresh) throw new Error("no overview");
            overview().replaceWith(fresh);
        } catch {
            // Whoever reads old figures must know that they are old.
            const note = document.getElementById("as-of");
            if (!note) return;
            note.classList.add("is-old");
            note.dataset.asOf ??= note.textContent;
            note.textContent = `${note.dataset.asOf} The platform has not answered since: these figures are old.`;
        }
    }

    setInterval(refresh, SECONDS * 1000);
    document.addEventListener("visibilitychange", refresh);
})();
