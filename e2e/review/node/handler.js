// A message review handler as the IVS Chat user guide shows them: it gets the
// payload, and answers with ReviewResult, Content and Attributes.
exports.review = async (event) => {
  const [verb] = event.Content.split(" ");
  switch (verb) {
    case "deny":
      return { ReviewResult: "DENY", Content: "", Attributes: { Reason: `not in this room, ${event.Sender.UserId}` } };
    case "fail":
      throw new Error("the function failed");
    case "garbage":
      return { ReviewResult: "PERHAPS" };
    case "slow":
      await new Promise((resolve) => setTimeout(resolve, 2500));
  }
  return {
    ReviewResult: "ALLOW",
    Content: event.Content.replaceAll("darn", "d***"),
    Attributes: { ...event.Attributes, role: event.Sender.Attributes.role ?? "", ip: event.Sender.Ip, room: event.RoomArn },
  };
};
