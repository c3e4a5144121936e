-- Asks for the paths of a file (lines of PATH or PATH<tab>ETAG) one after the other; prints one line of JSON at the end.
local requests, number = {}, 0

function init(arguments)
  for line in io.lines(arguments[1]) do
    local path, etag = line:match("^(%S+)\t?(.*)$")
    local headers = {}
    if etag ~= "" then headers["If-None-Match"] = etag end
    requests[#requests + 1] = wrk.format("GET", path, headers)
  end
end

function request()
  number = number % #requests + 1
  return requests[number]
end

function done(summary, latency)
  local e = summary.errors
  io.write(string.format('\n{"seconds": %f, "requests": %d, "size_bytes": %d, "errors": %d, "p50_ms": %f, "p99_ms": %f}\n',
    summary.duration / 1e6, summary.requests, summary.bytes, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
