package citizen

import (
	"context"
	"errors"
	"net/url"
	"strings"
)

// AnswerDevice types the code that a kiosk shows, logs in on the citizen's own
// phone, and answers the device.
func (c *Citizen) AnswerDevice(ctx context.Context, code string, yes bool) (Page, error) {
	page, err := c.Open(ctx, c.Hub+"/device")
	if err != nil {
		return page, err
	}
	form, ok := page.Form("/device")
	if !ok {
		return page, errors.New("the page takes no code")
	}
	form.Fields = url.Values{"user_code": {code}}
	if page, err = c.Submit(ctx, form); err == nil {
		page, err = c.signIn(ctx, page)
	}
	if err != nil {
		return page, err
	}
	name := page.URL.Path
	if !yes {
		name += "/deny"
	}
	if form, ok = page.Form(name); !ok || !strings.HasPrefix(page.URL.Path, "/device/") {
		return page, errors.New("nobody asks at " + page.URL.Path)
	}
	return c.Submit(ctx, form)
}
