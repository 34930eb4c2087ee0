-- What wrk sends: one signed delivery, each time under an id of its own. Filled in by bench/wrk.py:
-- wrk ... -s deliver.lua URL -- REQUEST-FILE ID-PREFIX
-- The file has the request as it goes over the line, with PLACE where the id belongs.

local PLACE = "@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@"
local before, after, prefix
local sent = 0

function init(args)
  local file = assert(io.open(args[1], "rb"))
  local whole = file:read("*a")
  file:close()
  local at = assert(whole:find(PLACE, 1, true))
  before, after = whole:sub(1, at - 1), whole:sub(at + #PLACE)
  prefix = args[2]
end

function request()
  sent = sent + 1
  return before .. prefix .. string.format("%012x", sent) .. after
end

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format(
    '\n{"requests": %d, "seconds": %f, "p50_ms": %f, "p99_ms": %f, "refused": %d, "broken": %d}\n',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
