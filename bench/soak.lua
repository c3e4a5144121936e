-- Asks for the paths of a file in random order; prints one line of JSON with the replies by status at the end.
-- A second argument is the mean pause of each connection between two requests, in ms.
local paths, threads = {}, {}

function setup(thread)
  table.insert(threads, thread)
end

function init(arguments)
  math.randomseed(os.time())
  for line in io.lines(arguments[1]) do
    paths[#paths + 1] = line
  end
  local pause_ms = tonumber(arguments[2])
  if pause_ms then
    function delay() return math.random(math.floor(pause_ms / 2), math.floor(pause_ms * 3 / 2)) end
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
  io.write(string.format('\n{"requests": %d, "sockets": %d, "timeouts": %d, "p50_ms": %f, "p99_ms": %f, "max_ms": %f, "statuses": "%s"}\n',
    summary.requests, e.connect + e.read + e.write, e.timeout, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3,
    latency.max / 1e3, table.concat(seen, " ")))
end
