-- wrk's script: one customer's risk, a random one each time; every answer is looked at.
-- Environment: TOKEN, IDS (how many customers), and BODY for a POST in place of it.
local token, count, body = os.getenv("TOKEN"), tonumber(os.getenv("IDS")), os.getenv("BODY")
local headers = { ["Authorization"] = token and "Bearer " .. token, ["Content-Type"] = body and "application/json" }
local threads = {}
mixed, foreign = 0, 0

function setup(thread)
  table.insert(threads, thread)
end

function init()
  math.randomseed(os.time())
end

function request()
  if body then
    return wrk.format("POST", "/invocations", headers, body)
  end
  -- As benchmarks/serve_scores.py numbers them; Lua's numbers are too short for 19 digits.
  local number = math.random(0, count - 1) * 7919
  return wrk.format("GET", string.format("/v1/customers/6228%015.0f/risk", number), headers)
end

if os.getenv("CHECK") then
  -- Publication, model and tier bear the same number; an answer of two runs would bear two.
  function response(status, _, answer)
    local run, model = answer:match('"run_id":"bench%-[%d-]+%-(%d+)"'), answer:match('"model_id":"model%-(%d+)"')
    local tier = answer:match('"tier":"tier%-(%d+)"')
    if status ~= 200 or not run then
      foreign = foreign + 1
    elseif run ~= model or run ~= tier then
      mixed = mixed + 1
    end
  end
end

function done(summary, latency)
  local failed = summary.errors
  local wrong, odd = 0, 0
  for _, thread in ipairs(threads) do
    wrong, odd = wrong + thread:get("mixed"), odd + thread:get("foreign")
  end
  print(string.format(
    'FOUND {"requests": %d, "seconds": %.3f, "p50_ms": %.3f, "p99_ms": %.3f, "errors": %d, "mixed": %d, "odd": %d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
    failed.connect + failed.read + failed.write + failed.status + failed.timeout, wrong, odd))
end
