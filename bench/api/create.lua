-- Creates payments, each with an idempotency key of its own; the peer ignores the key.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
math.randomseed(os.time())
local run, number = math.random(1, 1000000000), 0
local body = '{"payment":"12.345,67","data":{"order":"A-17","lines":2}}'
request = function()
  number = number + 1
  return wrk.format("POST", "/create", { ["Content-Type"] = "application/json", ["Authorization"] = wrk.headers["Authorization"],
    ["Idempotency-Key"] = run .. "-" .. number }, body)
end
