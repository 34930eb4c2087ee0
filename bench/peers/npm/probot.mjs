// A Probot app in one process: `node probot.mjs FD`, where FD is a socket that listens already.
// Credentials are in the variables that Probot itself reads; GITHUB_API_URL is where GitHub is.

import { createServer } from "node:http";
import { createNodeMiddleware, createProbot } from "probot";

const baseUrl = process.env.GITHUB_API_URL;

async function closed({ octokit, payload }) {
  if (payload.pull_request.merged) {
    await octokit.request("GET /orgs/{org}/memberships/{username}", {
      org: payload.repository.owner.login,
      username: payload.pull_request.user.login,
    });
  }
}

const middleware = await createNodeMiddleware(
  (app) => {
    app.on("pull_request.closed", closed);
  },
  { probot: createProbot({ overrides: baseUrl ? { baseUrl } : {} }) },
);
createServer(middleware).listen({ fd: Number(process.argv[2]) });
