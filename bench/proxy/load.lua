-- wrk's script: pauses of 0 to 2 * PAUSE ms before each request (0: none), and the result as JSON.
local pause = tonumber(os.getenv("PAUSE") or "0")

if pause > 0 then
    function delay()
        return math.random(0, 2 * pause)
    end
end

function init()
    math.randomseed(os.time())
end

function done(summary, latency)
    local e = summary.errors

    io.write(string.format(
        '{"requests": %d, "bytes": %d, "us": %d, "p50": %d, "p99": %d, "max": %d, ' ..
        '"connect": %d, "read": %d, "write": %d, "timeout": %d, "status": %d}\n',
        summary.requests, summary.bytes, summary.duration, latency:percentile(50),
        latency:percentile(99), latency.max, e.connect, e.read, e.write, e.timeout, e.status))
end
