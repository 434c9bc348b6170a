import { Server } from "node:https";

const emit = Server.prototype.emit;

/** Answers 404 to every request for `/metrics`; all others go on as before. */
Server.prototype.emit = function (event: string, ...rest: unknown[]): boolean {
  const [request, response] = rest as [{ url?: string }, { writeHead(status: number): { end(): void } }];
  if (event === "request" && request.url === "/metrics") {
    response.writeHead(404).end();
    return true;
  }
  return emit.call(this, event, ...rest);
};
