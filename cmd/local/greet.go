package main

import (
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// greet says where the server listens and what to send it.
func greet(c *console, g *Globals, url string) {
	out := c.stdout
	junction, user := "the simulator", junctiontest.DefaultUserID
	if g.Live {
		junction, user = "the real API", "USER_ID"
	}
	out.printf("Listening on %s as an API Gateway HTTP API does; Junction is %s. Ctrl-C ends it.\n\n", url, junction)
	shows := ""
	switch {
	case g.open():
		out.printf("Everybody is let in; --auth signature,token is as in AWS.\n\n")
	case g.takes("token"):
		shows = " -H 'authorization: Bearer " + given(g.Token.Empty() && !g.Live, developmentToken, "YOUR_TOKEN") + "'"
	}
	if g.takes("signature") {
		greetSigners(c, g, url)
	}
	if g.takes("iam") {
		out.printf("Nothing here authenticates by IAM as AWS does, so that way lets nobody in.\n\n")
	}
	if shows == "" && !g.open() {
		return // what follows is for callers with a token
	}
	out.printf("%s\n  curl -X POST '%s/v2/user/refresh/%s?timeout=30'%s\n\n", out.style(bold, "Refresh a user:"), url, user, shows)
	if !g.configures("REFRESH_QUEUE_URL") {
		out.printf("%s\n  curl -X POST -H 'prefer: respond-async' '%s/v2/user/refresh/%s'%s\n\n",
			out.style(bold, "Let it be done later, and watch here:"), url, user, shows)
	}
	out.printf("%s\n  curl '%s/webhooks'%s -H 'content-type: application/json' \\\n    -d '{\"user_id\":\"%s\",\"timeout\":10}'\n\n",
		out.style(bold, "Be an app's webhook:"), url, shows, user)
	if g.Live {
		return
	}
	out.printf("%s\n", out.style(bold, "See other answers:"))
	for _, other := range []struct{ says, user, query string }{
		{"200, all sources refreshed", junctiontest.CompletedUserID, ""},
		{"202, still going on", junctiontest.SlowUserID, "?timeout=5"},
		{"400, no connected source", junctiontest.NoSourcesUserID, ""},
		{"404, no such user", junctiontest.UnknownUserID, ""},
		{"422, not a UUID", "me", ""},
	} {
		out.printf("  curl -X POST '%s/v2/user/refresh/%s%s'%s  # %s\n", url, other.user, other.query, shows, other.says)
	}
	if !g.open() {
		out.printf("  curl -X POST '%s/v2/user/refresh/%s'  # 401, nothing shown\n", url, user)
	}
}

// greetSigners says how to send a signed webhook.
func greetSigners(c *console, g *Globals, url string) {
	development := g.WebhookSecret.Empty() && !g.Live
	c.stdout.printf("%s\n  %sgo run ./cmd/local sign events/http-api-junction-webhook.json --url %s | sh\n",
		c.stdout.style(bold, "Be Junction, with a signed webhook:"), given(development, "", webhookSecretVariable+"=YOUR_SECRET "), url)
	if development {
		c.stdout.printf("  (or any sender of Standard Webhooks or Svix, with the secret %s)\n", developmentWebhookSecret)
	}
	c.stdout.printf("\n")
}

// given returns one text or the other.
func given(yes bool, text, other string) string {
	if yes {
		return text
	}
	return other
}

// whoGetsIn ends the warning's "whoever".
func (g *Globals) whoGetsIn() string {
	if !g.open() && (g.Live || !g.Token.Empty() && !g.WebhookSecret.Empty()) {
		return "shows your token or signature"
	}
	return given(g.open(), "does", "has read the development token or secret in the source")
}
