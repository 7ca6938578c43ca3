-- Reads payments at random. FORM is a string.format pattern of the path, ROWS how many there are.
local form, rows = os.getenv("FORM"), tonumber(os.getenv("ROWS"))
math.randomseed(os.time())
request = function()
  return wrk.format("GET", string.format(form, math.random(1, rows)))
end
