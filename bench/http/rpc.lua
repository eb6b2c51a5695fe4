-- wrk: one workload of a server that speaks /rpc; WORK and TOKEN come from the environment. The requests are made beforehand,
-- so that the generator takes little of the processors it shares with what it measures.
local work, token = os.getenv("WORK"), os.getenv("TOKEN")
local requests, at = {}, 0
init = function()
  wrk.headers["Authorization"] = "Bearer " .. token
  for id = 1, 10000 do
    if work:find("^get_task") then requests[id] = wrk.format("GET", "/rpc/" .. work .. "?task_id=" .. id)
    elseif work == "search_tasks" then requests[id] = wrk.format("GET", "/rpc/search_tasks?query=printer+driver+" .. id % 97)
    elseif work == "options" then requests[id] = wrk.format("OPTIONS", "/rpc/get_task")
    elseif work == "list_tasks" then requests[id] = wrk.format("GET", "/rpc/list_tasks")
    else
      wrk.headers["Content-Type"] = "application/json"
      requests[id] = wrk.format("POST", "/rpc/create_task", nil, '{"title":"Printer","description":"Stuck"}')
    end
  end
end
request = function()
  at = at % 10000 + 1
  return requests[at]
end
