# The choice of models and of the device, and the question before a model is fetched (src/page/model_picker.rs, src/page/models.rs,
# src/page/device.rs, src/consent).

# The fields under the heading "Model". CPU and WebGPU are called the same in every language.
picker-model = Model: a Hugging Face repository, or the address of a GGUF file
picker-other = Compare with a second model, such as a pruned version of the first
# Stands in the empty field of the second model.
picker-other-none = none
picker-load = Load
picker-files = or files on this computer (or drop them on the page)
picker-files-in-links = A link cannot carry a file: whoever opens it must have the file too.
picker-suggestions = Models to try
# $licence is a licence's name, or gemma: Google's terms for its Gemma models. $megabytes and $memory are whole numbers.
picker-suggestion-hint = { $licence ->
    [gemma] { $model }: { $megabytes } MB to download, about { $memory } MB of memory, Gemma terms
   *[other] { $model }: { $megabytes } MB to download, about { $memory } MB of memory, { $licence }
 }
# The size of a model, beside its name.
picker-megabytes = { $megabytes } MB
picker-device = Device
# The choice of the device: what is best in this browser.
picker-device-best = best
picker-precision = round unquantized weights to 8 bits, to save memory

# A hub is a site with models, such as huggingface.co; $host is its host name.
picker-hubs = Private models, other hubs
picker-hub = Hub
picker-no-token-in-frame = A frame in another page takes no access token, since that page can read the results: open it in a tab.
picker-hub-of-link = { $host } was named by the link, not by you. Whoever runs it can use the access token that you give it: give it one only if it is yours or you know it, and never one for another hub.
# A button.
picker-trust-hub = Give { $host } an access token
picker-token = Access token for { $host }
picker-token-stays = Kept in this tab only, and sent to { $host } only.

# The list of models that are stored on this device.
picker-kept = Kept on this device, for visits without network
picker-delete = Delete
# What a screen reader says for the button above.
picker-delete-hint = Delete { $model }
picker-evictable = This browser may delete these files when it needs room, or after a while without a visit; they are then downloaded again.

# $name is the name of a file.
models-file-of-link = The model is the file { $name } on the computer of whoever made this link: choose that file under Model, or use the default model.
# $model is a model's name, $why an error's text from the browser.
models-undeleted = { $model } could not be deleted ({ $why }): reload the page and try again.
models-undeleted-while-read = { $model } is being read just now, here or in another tab: delete it when it has loaded, or close that tab.

# Why the page computes on the CPU or through WebGPU.
device-cpu-asked = The link or the menu asks for the CPU.
device-webgpu-asked = WebGPU was asked for.
device-webgpu-asked-software = WebGPU was asked for; this adapter is only software.
device-webgpu-software = This browser's WebGPU is only software, slower than the CPU engine.
device-webgpu-found = This browser has a real WebGPU adapter.
# Stands behind a sentence with both speeds.
device-measured-earlier = That was measured at an earlier visit; under Model, WebGPU can be chosen.
# $why: unsupported (no WebGPU at all), silent (no answer), or none (no adapter).
device-no-webgpu = { $why ->
    [unsupported] No WebGPU: this browser has no WebGPU, or the page is not served over https or from localhost.
    [silent] No WebGPU: this browser does not answer when asked for a graphics adapter.
   *[none] No WebGPU: this browser finds no graphics adapter.
 }
device-no-webgpu-but-asked = { $why ->
    [unsupported] WebGPU was asked for, but this browser has no WebGPU, or the page is not served over https or from localhost: use a current browser with a GPU, or switch to the CPU.
    [silent] WebGPU was asked for, but this browser does not answer when asked for a graphics adapter: use a current browser with a GPU, or switch to the CPU.
   *[none] WebGPU was asked for, but this browser finds no graphics adapter: use a current browser with a GPU, or switch to the CPU.
 }

# Addresses that are refused. $scheme is what stands before the colon, such as ftp.
consent-scheme = An address that begins with { $scheme }: cannot be loaded by a page: give one that begins with https:.
consent-password = The address holds a name or password, which browsers do not send: take it out.
consent-no-token = { $host } gets no access token, since its address does not begin with https: anyone on the way could read the token.

# The question before a model is fetched: its title.
consent-title-link = This link asks for a model that is not on this device
consent-title-default = The model is not on this device
consent-title-large = This is a large model
# A line for each model. $model is its name, or consent-default-model; $host is the host it comes from; $size is an amount, such as 98 MB.
consent-default-model = the default model
consent-model = { $model } from { $host }
consent-model-size = { $model } from { $host }: { $size }
consent-model-not-asked = { $model } from { $host }: how large it is, is not known before { $host } is asked
consent-model-not-said = { $model } from { $host }: { $host } could not be asked how large it is, or did not say
consent-model-redirect = { $model } from { $host }, which redirects to another address
# The reasons for asking. $hosts are $count hosts, joined with consent-and; $usual is huggingface.co; $most is the greatest amount.
consent-hosts = { $count ->
    [one] { $hosts } is neither this site nor { $usual }; nothing has been asked of it yet.
   *[other] { $hosts } are neither this site nor { $usual }; nothing has been asked of them yet.
 }
# $size is the amount that $count models have together.
consent-bytes = { $count ->
    [one] { $size } is more than a link may fetch unasked ({ $most }).
   *[other] Together that is { $size }, more than a link may fetch unasked ({ $most }).
 }
consent-bytes-unknown = It may be large.
consent-redirect = Where { $host } redirects to, and how large the model is there, is not known before that is followed.
consent-more = That is more than this link was found to need before anything was loaded.
consent-saves-data = This browser asks pages to save data.
consent-more-than-a-tab-holds = That is more than a tab can hold on the CPU ({ $most }): loading may fail.
# The button that agrees. $hosts are one host or several, joined with consent-and.
consent-load = Load from { $hosts }
consent-load-size = Load { $size } from { $hosts }
# Joins hosts. $first are all but the last, with commas between them.
consent-and = { $first } and { $last }
# An amount, where others are like 98 MB or 3.2 GB.
consent-less-than-a-megabyte = less than 1 MB

# At the bottom of the page: what leaves this tab.
consent-computed-in-frame = Everything is computed in this frame; the page around it can read your prompt and the results.
consent-computed-in-tab = Everything is computed in this tab.
consent-link-holds-prompt = The link in the address bar holds your prompt, and this site receives it when the link is opened or loaded anew.
consent-host-learns = { $host } learns which model you load.
consent-host-learns-with-token = { $host } learns which model you load, with your access token.
