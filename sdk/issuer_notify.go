package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/govmydata/mydata/pkg/credential/openid4vci"
)

const notificationPath = "/notification"

// notification keeps what a wallet says became of a document (OpenID4VCI 1.0, 11):
// kind "acceptance", key the document's id. The last word counts.
func (i *Issuer) notification(w http.ResponseWriter, r *http.Request) {
	token, err := i.token(r, notificationPath)
	var n openid4vci.Notification
	if err == nil {
		var body []byte
		if body, err = requestBody(r); err == nil {
			n, err = openid4vci.ParseNotification(body)
		}
	}
	if err == nil {
		err = i.notified(r.Context(), token, n)
	}
	if err != nil {
		i.refuse(w, r, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}

func (i *Issuer) notified(ctx context.Context, t issuanceToken, n openid4vci.Notification) error {
	d, err := IssuedDocument{}, ErrAbsent
	if random(n.NotificationID, 1) { // nothing else goes to the journal
		d, err = kept[IssuedDocument](ctx, i.config.Journal, "document", n.NotificationID)
	}
	if errors.Is(err, ErrAbsent) || err == nil && (d.Sub != t.Who.Sub || d.Client != t.Client) {
		return &openid4vci.Error{Code: openid4vci.InvalidNotificationID, Check: "notification_id", Description: "no such notification_id"}
	}
	if err != nil {
		return err
	}
	e, err := entry("acceptance", d.ID, n.Event, time.Time{})
	if err != nil {
		return err
	}
	if err := i.config.Journal.Put(ctx, e); err != nil {
		return err
	}
	i.config.Logger.InfoContext(ctx, "wallet told", "document", d.ID, "event", n.Event)
	return nil
}

// acceptances are the last words of wallets, by document.
func (i *Issuer) acceptances(ctx context.Context) (map[string]string, error) {
	all, err := i.config.Journal.List(ctx, "acceptance")
	if err != nil {
		return nil, err
	}
	said := make(map[string]string, len(all))
	for _, e := range all {
		var event string
		if err := json.Unmarshal(e.Value, &event); err != nil {
			return nil, err
		}
		said[e.Key] = event
	}
	return said, nil
}
