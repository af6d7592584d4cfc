// Describes the series that a quota counts.
export const describeSeries = ({ type, service, route }) =>
  [type, service ? `of ${service}` : "of all services", route && `by ${route}`]
    .filter(Boolean)
    .join(" ");
