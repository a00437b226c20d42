package main

import (
	"github.com/junction-refresh/junction-refresh/internal/junction/junctiontest"
)

// printGreeting prints where the server listens and what to send it.
func printGreeting(c *console, g *Globals, url string) {
	out := c.stdout
	junction, user := "the simulator", junctiontest.DefaultUserID
	if g.Live {
		junction, user = "the real API", "USER_ID"
	}
	out.printf("Listening on %s as an API Gateway HTTP API does; Junction is %s. Ctrl-C ends it.\n\n", url, junction)
	curlFlag := ""
	switch {
	case g.open():
		out.printf("Callers are not authenticated; --auth signature,token is as in AWS.\n\n")
	case g.takes("token"):
		curlFlag = " -H 'authorization: Bearer YOUR_TOKEN'"
		if g.Token.Empty() && !g.Live {
			curlFlag = " -H 'authorization: Bearer " + developmentToken + "'"
		}
	}
	if g.takes("signature") || g.open() {
		printSignGreeting(c, g, url)
	}
	if g.takes("iam") {
		out.printf("Nothing here authenticates by IAM as AWS does, so iam lets nobody in.\n\n")
	}
	if curlFlag == "" && !g.open() {
		return // the rest is for callers with a token
	}
	out.printf("%s\n  curl -X POST '%s/v2/user/refresh/%s?timeout=30'%s\n\n", out.style(bold, "Refresh a user:"), url, user, curlFlag)
	out.printf("%s\n  curl -i -X POST -H 'cache-control: max-age=900' '%s/v2/user/refresh/%s'%s\n\n",
		out.style(bold, "Take a result that is up to 15 minutes old, with its Age:"), url, user, curlFlag)
	out.printf("%s\n  curl '%s/v2/user/refresh/%s'%s\n\n",
		out.style(bold, "See what is known of a user without a call to Junction:"), url, user, curlFlag)
	if !g.configures("REFRESH_QUEUE_URL") {
		out.printf("%s\n  curl -X POST -H 'prefer: respond-async' '%s/v2/user/refresh/%s'%s\n\n",
			out.style(bold, "Queue a refresh, and watch it here:"), url, user, curlFlag)
	}
	out.printf("%s\n  curl '%s/webhooks'%s -H 'content-type: application/json' \\\n    -d '{\"user_id\":\"%s\",\"timeout\":10}'\n\n",
		out.style(bold, "Send an app's webhook:"), url, curlFlag, user)
	if g.Live {
		return
	}
	out.printf("%s\n", out.style(bold, "See other answers:"))
	for _, other := range []struct{ answer, user, query string }{
		{"200, all sources refreshed", junctiontest.CompletedUserID, ""},
		{"200, a provider has to be connected again", junctiontest.ReconnectUserID, ""},
		{"202, in progress, followed up here", junctiontest.SlowUserID, "?timeout=5"},
		{"400, no connected source", junctiontest.NoSourcesUserID, ""},
		{"404, no such user", junctiontest.UnknownUserID, ""},
		{"422, not a UUID", "me", ""},
	} {
		out.printf("  curl -X POST '%s/v2/user/refresh/%s%s'%s  # %s\n", url, other.user, other.query, curlFlag, other.answer)
	}
	if !g.open() {
		out.printf("  curl -X POST '%s/v2/user/refresh/%s'  # 401, no token\n", url, user)
	}
}

// printSignGreeting prints how to send a signed webhook.
func printSignGreeting(c *console, g *Globals, url string) {
	out := c.stdout
	prefix := ""
	development := g.WebhookSecret.Empty() && !g.Live
	if !g.open() && !development {
		prefix = webhookSecretVariable + "=YOUR_SECRET "
	}
	send := func(event string) {
		out.printf("  %sgo run ./cmd/local sign events/%s --url %s | sh\n", prefix, event, url)
	}
	out.printf("%s\n", out.style(bold, "Send a signed webhook, as Junction does:"))
	send("http-api-junction-webhook.json")
	if !g.open() && development {
		out.printf("  (or use any sender of Standard Webhooks or Svix, with the secret %s)\n", developmentWebhookSecret)
	}
	out.printf("\n")
	if !g.configures("RESULT_BUS") {
		out.printf("%s\n", out.style(bold, "Report a broken connection, as Junction does, and see it published here:"))
		send("http-api-junction-webhook-error.json")
		out.printf("\n")
	}
}

// callers describes who is let in, for a warning.
func (g *Globals) callers() string {
	switch {
	case g.open():
		return "everybody"
	case g.Live || !g.Token.Empty() && !g.WebhookSecret.Empty():
		return "everybody with your token or signature"
	}
	return "everybody who has read the development token or secret in the source"
}
