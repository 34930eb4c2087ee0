// A Probot app in one process: `node probot.mjs FD`, where FD is a socket that listens already.
// Credentials are in the variables that Probot itself reads; with COMMENT=1 its handler comments.

import { createServer } from "node:http";
import { createNodeMiddleware, createProbot } from "probot";

const handler = process.env.COMMENT
  ? (context) => context.octokit.rest.issues.createComment(context.issue({ body: "Thank you!" }))
  : async () => {};

const middleware = await createNodeMiddleware(
  (app) => {
    app.on("pull_request.closed", handler);
  },
  { probot: createProbot() },
);
createServer(middleware).listen({ fd: Number(process.argv[2]) });
