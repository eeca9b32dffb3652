/** Runs in a page of another site: shows an address in a frame, and collects the received messages in `window.heard`. */
export function frameOn(address, sandbox) {
  window.heard = [];
  window.addEventListener("message", (message) => window.heard.push(message.data));
  const frame = document.createElement("iframe");
  if (sandbox) frame.setAttribute("sandbox", sandbox);
  frame.src = address;
  frame.style = "width:900px;height:600px";
  document.body.append(frame);
}
