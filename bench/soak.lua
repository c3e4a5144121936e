-- Asks for the paths of a file in random order; prints one line of JSON with the replies by status at the end.
local paths, threads = {}, {}

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  math.randomseed(os.time())
  for line in io.lines(arguments[1]) do
    paths[#paths + 1] = line
  end
  statuses = ""
  counts = {}
end

function request()
  return wrk.format("GET", paths[math.random(#paths)])
end

function response(status)
  counts[status] = (counts[status] or 0) + 1
  if counts[status] % 50 == 1 or status ~= 200 then
    local parts = {}
    for key, value in pairs(counts) do parts[#parts + 1] = key .. "=" .. value end
    statuses = table.concat(parts, " ")
  end
end

function done(summary, latency)
  local e = summary.errors
  local seen = {}
  for _, thread in ipairs(threads) do seen[#seen + 1] = thread:get("statuses") end
  io.write(string.format('\n{"requests": %d, "sockets": %d, "timeouts": %d, "p50_ms": %f, "p99_ms": %f, "statuses": "%s"}\n',
    summary.requests, e.connect + e.read + e.write, e.timeout, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    table.concat(seen, " ")))
end
