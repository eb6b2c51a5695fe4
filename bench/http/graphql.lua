-- wrk: the same workload as a GraphQL request, made beforehand as well.
local work = os.getenv("WORK")
local requests, at = {}, 0
local fields = "rowId ticketNumber title description status priority createdBy createdAt"
local function text(id)
  if work:find("^get_task") then
    return '{"query":"query($i:Int!){' .. (work == "get_task" and "getTask" or "getTaskSql") .. '(taskId:$i){' .. fields .. '}}","variables":{"i":' .. id .. "}}"
  end
  if work == "search_tasks" then
    return '{"query":"query($q:String!){searchTasks(query:$q){nodes{' .. fields .. '}}}","variables":{"q":"printer driver ' .. id % 97 .. '"}}'
  end
  if work == "list_tasks" then return '{"query":"{listTasks{nodes{id ticketNumber title status createdAt}}}"}' end
  return '{"query":"mutation($t:String!,$d:String!){createTask(input:{title:$t,description:$d}){result{' .. fields ..
    '}}}","variables":{"t":"Printer","d":"Stuck"}}'
end
init = function()
  wrk.headers["Content-Type"] = "application/json"
  for id = 1, 10000 do requests[id] = wrk.format("POST", "/graphql", nil, text(id)) end
end
request = function()
  at = at % 10000 + 1
  return requests[at]
end
