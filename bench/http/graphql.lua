-- wrk: the same workload as a GraphQL request.
local work = os.getenv("WORK")
wrk.headers["Content-Type"] = "application/json"
local fields = "rowId ticketNumber title description status priority createdBy createdAt"
local id = 0
request = function()
  id = id % 10000 + 1
  local query
  if work == "get_task" then query = "query($i:Int!){getTask(taskId:$i){" .. fields .. "}}"
    return wrk.format("POST", "/graphql", nil, '{"query":"' .. query .. '","variables":{"i":' .. id .. "}}") end
  if work == "search_tasks" then query = "query($q:String!){searchTasks(query:$q){nodes{" .. fields .. "}}}"
    return wrk.format("POST", "/graphql", nil, '{"query":"' .. query .. '","variables":{"q":"printer driver ' .. id % 97 .. '"}}') end
  if work == "list_tasks" then query = "{listTasks{nodes{rowId ticketNumber title status createdAt}}}"
    query = query:gsub("rowId", "id")
    return wrk.format("POST", "/graphql", nil, '{"query":"' .. query .. '"}') end
  query = "mutation($t:String!,$d:String!){createTask(input:{title:$t,description:$d}){result{" .. fields .. "}}}"
  return wrk.format("POST", "/graphql", nil, '{"query":"' .. query .. '","variables":{"t":"Printer","d":"Stuck"}}')
end
