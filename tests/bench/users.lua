-- wrk: one request for each line of the file named after `--`, a token; one after the other and again from the start.
local requests, next = {}, 0

function init(arguments)
    for token in io.lines(arguments[1]) do
        wrk.headers["Authorization"] = "Bearer " .. token
        requests[#requests + 1] = wrk.format()
    end
end

function request()
    next = next % #requests + 1
    return requests[next]
end
