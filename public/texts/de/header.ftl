header-stop = Anhalten
