-- wrk: one workload of a server that speaks /rpc; WORK and TOKEN come from the environment.
local work, token = os.getenv("WORK"), os.getenv("TOKEN")
wrk.headers["Authorization"] = "Bearer " .. token
local id = 0
request = function()
  id = id % 10000 + 1
  if work == "get_task" then return wrk.format("GET", "/rpc/get_task?task_id=" .. id) end
  if work == "search_tasks" then return wrk.format("GET", "/rpc/search_tasks?query=printer+driver+" .. id % 97) end
  if work == "list_tasks" then return wrk.format("GET", "/rpc/list_tasks") end
  wrk.headers["Content-Type"] = "application/json"
  return wrk.format("POST", "/rpc/create_task", nil, '{"title":"Printer","description":"Stuck"}')
end
